"""The names of images in order, as many as there are: most of them wait on the disk.

A million paths as Python's texts take 100 MB, and sorting them more. Here runs of names are
sorted in memory and merged to one file.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

_RUN = 2**15  # names that are sorted in memory
_BLOCK = 2**18  # bytes that are read at once


class Entry(NamedTuple):
    """An image of a folder or an archive.

    Attributes:
        name: the POSIX path below the folder, or in the archive.
        place: of an archive, where its bytes are: the offset, how many there are, how many
            they become, how they are packed, and the CRC-32; of a folder nothing.
    """

    name: str
    place: tuple[int, ...] = ()


class ImageList:
    """Entries in the order of their names; looking through them is all that it can do.

    Args:
        scratch: the folder for those that wait on the disk; None for the system's.
    """

    def __init__(self, entries: Iterable[Entry], scratch: Path | None = None) -> None:
        source = iter(entries)
        runs: list[BinaryIO] = []
        self._few: list[Entry] | None = None
        self._count = 0
        while run := sorted(islice(source, _RUN)):
            self._count += len(run)
            if not runs and len(run) < _RUN:
                self._few = run
                return
            runs.append(_written(run, scratch))
        self._file = _written(heapq.merge(*map(_read, runs)), scratch)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._few) if self._few is not None else _read(self._file)


def _written(entries: Iterable[Entry], scratch: Path | None) -> BinaryIO:
    """A file without a name, which goes with this process whatever ends it."""
    file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - it stays open
    for name, place in entries:
        numbers = ",".join(map(str, place)).encode()
        file.write(os.fsencode(name) + b"\0" + numbers + b"\0")
    file.flush()
    return file


def _read(file: BinaryIO) -> Iterator[Entry]:
    """What `_written` wrote; several may read one file."""
    start, rest = 0, b""
    while block := os.pread(file.fileno(), _BLOCK, start):
        start += len(block)
        *whole, rest = (rest + block).split(b"\0")
        if len(whole) % 2:
            rest = whole.pop() + b"\0" + rest
        for name, numbers in zip(whole[::2], whole[1::2], strict=True):
            yield Entry(os.fsdecode(name), _numbers(numbers))


def _numbers(text: bytes) -> tuple[int, ...]:
    return tuple(map(int, text.split(b","))) if text else ()
