"""Which samples were drawn: a journal for each process, beside the array that they fill.

A line says which rows were written, and their digest. Nothing in a journal is trusted: a
line that is torn or damaged is none, by its seal, and rows that are not those of their
line, since they never came to the disk or were damaged there, are drawn again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from snowmelt.common import journal_lines
from snowmelt.sampling.storage import shares
from snowmelt.sampling.storage.drawn_rows import DrawnRows
from snowmelt.sampling.storage.shares import Span


class DrawJournal:
    """The journal that one process writes.

    Args:
        place: the folder of the array.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, place: Path, rank: int) -> None:
        self._path = _path(place, rank)
        self._file = self._path.open("ab", buffering=0)

    def add(self, span: Span, digest: str) -> None:
        """Remember rows that are written; a kill from now on does not cost them.

        Raises:
            StorageError: the disk is full.
        """
        content = {"first": span[0], "end": span[1], "sha256": digest}
        journal_lines.append(self._file, self._path, content)

    def close(self) -> None:
        self._file.close()


class Progress:
    """How many samples the processes of a group write, as their journals grow.

    Args:
        place: see `DrawJournal`.
        world_size: how many processes there are.
    """

    def __init__(self, place: Path, world_size: int) -> None:
        paths = [_path(place, rank) for rank in range(world_size)]
        self._read = {p: p.stat().st_size if p.exists() else 0 for p in paths}
        self._count = 0

    def count(self) -> int:
        """Those of all processes since this was made."""
        for path, start in self._read.items():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(start)
                whole, newline, _ = file.read().rpartition(b"\n")
                self._read[path] += len(whole + newline)
                self._count += sum(end - first for (first, end), _ in _lines(whole))
        return self._count


def intact(place: Path, rows: DrawnRows) -> tuple[list[Span], int]:
    """The spans of rows that are as they were written, and how many rows are not."""
    known: dict[Span, set[str]] = {}
    for path in sorted(place.glob(_path(place, "*").name)):
        for span, digest in _lines(path.read_bytes()):
            if 0 <= span[0] < span[1] <= rows.count:
                known.setdefault(span, set()).add(digest)
    whole = [
        span
        for span, digests in known.items()
        if rows.digest(span[0], span[1] - span[0]) in digests
    ]
    left = shares.total(shares.missing(whole, rows.count))
    return whole, left - shares.total(shares.missing(known, rows.count))


def _path(place: Path, rank: int | str) -> Path:
    return place / f"journal-{rank}.jsonl"


def _lines(content: bytes) -> Iterator[tuple[Span, str]]:
    """The span and the digest of each whole line."""
    for said in journal_lines.contents(content.splitlines()):
        span = said.get("first"), said.get("end")
        if all(isinstance(number, int) for number in span):
            yield span, str(said.get("sha256"))  # type: ignore[misc]
