"""Writing whole files or nothing, and naming bytes by their digest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snowmelt.common.drafts import draft_of
from snowmelt.common.errors import UserError
from snowmelt.common.regular_files import kind_of


@contextlib.contextmanager
def new_directory(target: Path, marker: str | None = None) -> Iterator[Path]:
    """Fill a directory beside `target` and put it in its place when all went well.

    An exception, or a kill, leaves `target` as it was: a stage's output is whole or absent.

    Args:
        target: the directory; what is there already is replaced.
        marker: a file that the one to be replaced must hold, as a sign that the same stage
            made it. A user's own folder, named by mistake, is then never deleted.

    Raises:
        UserError: `target` holds something else.
        StorageError: nothing can be written beside it.
    """
    if marker is not None:
        require_ours(target, marker)
    target = target.resolve()  # a link stays, and what it points to is replaced
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file: name a folder")
    with draft_of(target) as draft:
        draft.mkdir()
        yield draft
        replaced = draft.with_name(f"{draft.name[:100]}.replaced")
        try:
            if target.exists():
                target.rename(replaced)  # at once, while to delete it takes its time
            draft.replace(target)
        except BaseException:
            if replaced.exists() and not target.exists():
                replaced.rename(target)
            raise


@contextlib.contextmanager
def new_collection(target: Path, listing: str) -> Iterator[Path]:
    """As `new_directory`, for a folder that a person names and may keep other things in.

    Args:
        listing: a JSON file that names all that was written beside it. Only a folder that
            holds nothing else is replaced.

    Raises:
        UserError: `target` is a file, or holds one that is not listed.
    """
    _refuse_strangers(target, listing)
    with new_directory(target) as draft:
        yield draft
        made = [str(path.relative_to(draft)) for path in _files_in(draft)]
        write_json(draft / listing, sorted(made))


def _refuse_strangers(target: Path, listing: str) -> None:
    """Refuse a folder that holds what `listing` does not name, and a file."""
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file: name a folder")
    known = {listing}
    with contextlib.suppress(OSError, ValueError, TypeError):
        known |= set(json.loads((target / listing).read_text(encoding="utf-8")))
    for path in _files_in(target):
        if (name := str(path.relative_to(target))) not in known:
            raise UserError(
                f"{target} holds {name}, which this command did not make: name another"
                " folder, or move it away"
            )


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def require_ours(target: Path, marker: str) -> None:
    """Refuse to replace a folder that another program or a person filled.

    Raises:
        UserError: `target` is a file, or a folder with content but without `marker`.
    """
    if not target.exists() or (target / marker).is_file():
        return
    if not target.is_dir() or any(target.iterdir()):
        raise UserError(
            f"{target} exists and holds no {marker}: it was not made by this command and is"
            " not replaced; name another folder, or move it away"
        )


@contextlib.contextmanager
def new_file(target: Path, *, is_durable: bool = False) -> Iterator[Path]:
    """Write a file beside `target` and put it in its place when all went well.

    Args:
        is_durable: wait until the disk has it, so that not even a power cut leaves half.

    Raises:
        StorageError: the place cannot be written, or is full.
    """
    with draft_of(target) as draft:
        yield draft
        if is_durable:
            _to_disk(draft)
        draft.replace(target)
        if is_durable:
            _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_directory(folder: Path) -> None:
    """Remove a folder at once: a kill leaves all of it, or nothing under its name."""
    if folder.exists():
        with draft_of(folder) as draft:
            folder.rename(draft)


def write_json(target: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with new_file(target) as draft:
        draft.write_text(text, encoding="utf-8")


def read_json(source: Path, *, made_by: str) -> dict[str, Any]:
    """Read JSON that the stage `made_by` wrote.

    Raises:
        UserError: the file is missing, is not JSON, or holds no names with values.
    """
    require(source, made_by=made_by)
    try:
        found = json.loads(source.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"a mapping is wanted, got {type(found).__name__}")
        return found
    except ValueError as error:
        raise UserError(
            f"{source} is not valid JSON ({error}): run `snowmelt {made_by}` again"
        ) from error


def require(path: Path, *, made_by: str) -> Path:
    """Return `path`, a file that the stage `made_by` wrote.

    Raises:
        UserError: it is not there, or is a folder, or a pipe, which would be waited for, or
            the like; the message names the stage that makes it.
    """
    if not path.exists():
        raise UserError(
            f"{path} is missing: run `snowmelt {made_by}` first (or `dvc repro`, which runs"
            " every stage that is needed)"
        )
    if (kind := kind_of(path)) is not None:
        raise UserError(f"{path} is {kind}, not a file: run `snowmelt {made_by}` again")
    return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
