"""Lines of a journal, each with a seal of its own: one that is torn or damaged is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

from snowmelt.common.drafts import faults_of
from snowmelt.common.records import SEAL, content_digest


def append(file: RawIOBase, path: Path, content: Mapping[str, Any]) -> None:
    """Write a line; a kill from now on does not cost it.

    Args:
        file: opened to append, and not buffered.
        path: its name.

    Raises:
        StorageError: the disk is full.
    """
    line = json.dumps({**content, SEAL: content_digest(content)})
    # A line break before it, too: the line before may be torn.
    rest = memoryview(f"\n{line}\n".encode())
    with faults_of(path):
        while rest:
            rest = rest[file.write(rest) or 0 :]


def contents(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """What each whole line says."""
    for line in lines:
        try:
            content = json.loads(line)
            if content.pop(SEAL) == content_digest(content):
                yield content
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
