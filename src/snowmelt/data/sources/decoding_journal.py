"""Which images were decoded, so that a prepare that was stopped goes on from them.

The journal has a line for each run of images, beside the file of their rows: where the run
begins, what it was made from, what became of it. Nothing in either file is trusted. A line
that is torn or damaged is none, by its seal; rows that are not those of their line, since
they never came to the disk or were damaged there, are none, by their digest; and images
that changed since are others, by their sizes and times. What is not taken is decoded again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from snowmelt.common import journal_lines
from snowmelt.data.sources.decoded import Decoded
from snowmelt.data.sources.rows_file import RowsFile


class _Known(NamedTuple):
    """A line: what a run of `size` images was made from, and what became of it."""

    made_from: str
    size: int
    found: Decoded


class Journal:
    """The runs that were decoded into a file of rows.

    Args:
        path: of the journal, which is made where there is none.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, rows: RowsFile) -> None:
        self._path = path
        self._rows = rows
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        self._known = dict(_lines(self._file))

    @property
    def images(self) -> int:
        """How many images it knows."""
        return sum(known.size for known in self._known.values())

    def find(self, first: int, count: int, made_from: str) -> Decoded | None:
        """What became of a run; None where it has to be decoded.

        Args:
            first: its first row.
            count: of its images.
            made_from: a digest of what the images are read from.
        """
        known = self._known.pop(first, None)
        if known is None or (known.size, known.made_from) != (count, made_from):
            return None
        if known.found.rows != self._rows.digest(first, count):
            return None
        self._known[first] = known
        return known.found

    def add(self, first: int, count: int, made_from: str, found: Decoded) -> None:
        """Remember a run whose rows are written; a kill from now on does not cost it.

        Raises:
            StorageError: the disk is full.
        """
        content = {
            "first": first,
            "count": count,
            "made_from": made_from,
            "found": found.to_dict(),
        }
        journal_lines.append(self._file, self._path, content)
        self._known[first] = _Known(made_from, count, found)

    def close(self) -> None:
        self._file.close()


def _lines(file: Iterable[bytes]) -> Iterable[tuple[int, _Known]]:
    """What each whole line says, by the first row of its run."""
    for content in journal_lines.contents(file):
        try:
            found = Decoded.from_dict(content["found"])
            known = _Known(content["made_from"], content["count"], found)
            yield content["first"], known
        except (ValueError, LookupError, TypeError):
            continue
