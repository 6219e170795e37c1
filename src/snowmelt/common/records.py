"""The record that a stage leaves beside its arrays: what they are, and made from what.

A record is a JSON file. It names the bytes of every other file in its folder by digest, and
what these were made from by the digests of that. It ends in a seal, a digest of its own
content, so that a bit that flipped in it, or an edit by hand, is noticed too. A record of a
version that set no seal is read as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json, sha256, write_json

SEAL = "seal"
SHOWN = 12  # digits of a digest in a message


def content_digest(content: Any) -> str:
    """The SHA-256 of what JSON keeps of `content`, in whatever order it stands."""
    kept = json.loads(json.dumps(content, allow_nan=False))
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file right in `folder`, by name."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: sha256(path) for path in files}


def write_record(target: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON under its seal, whole or not at all."""
    write_json(target, {**content, SEAL: content_digest(content)})


def require_keys(
    record: Mapping[str, Any], path: Path, kinds: Mapping[str, type], *, made_by: str
) -> None:
    """Refuse a record that lacks what is read of it, or has something else there.

    Raises:
        UserError: naming the first such key.
    """
    for key, kind in kinds.items():
        if not isinstance(record.get(key), kind):
            found = f"has {key}={record[key]!r}" if key in record else f"no {key}"
            raise UserError(
                f"{path} is not of the form that this version writes ({found}): run"
                f" `snowmelt {made_by}` again"
            )


def read_record(source: Path, *, made_by: str) -> dict[str, Any]:
    """The content of a record that the stage `made_by` wrote, without its seal.

    Raises:
        UserError: the file is missing, is no record, or was changed since it was written.
    """
    content = read_json(source, made_by=made_by)
    seal = content.pop(SEAL, None)
    if seal is not None and seal != content_digest(content):
        raise UserError(
            f"{source} is not as `snowmelt {made_by}` wrote it, it was damaged or edited"
            f" since: run `snowmelt {made_by}` again"
        )
    return content
