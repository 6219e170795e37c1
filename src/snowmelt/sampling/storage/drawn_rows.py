"""The array of the samples while it is filled: an .npy file that processes share."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from snowmelt.common.array_files import npy_header, take_room
from snowmelt.common.drafts import faults_of

_PART = 2**22  # bytes that are read at once


class DrawnRows:
    """An open .npy file of samples, of which any process writes any rows.

    Rows are written, not mapped: see `snowmelt.common.array_files.create_rows`.

    Args:
        path: of the file, which is made where there is none.
        shape: of all samples, (N, *D).
    """

    def __init__(self, path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
        self.path, self.count = path, shape[0]
        self._dtype = np.dtype(dtype)
        self._header = npy_header(dtype, shape)
        self._row = self._dtype.itemsize * math.prod(shape[1:])
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o666)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def take_room(self) -> None:
        """Make the file as long as it will be, and keep what it holds of these rows.

        Raises:
            OSError: there is not enough room.
        """
        size = len(self._header) + self.count * self._row
        os.ftruncate(self._descriptor, min(size, os.fstat(self._descriptor).st_size))
        take_room(self._descriptor, size)
        self._write(memoryview(self._header), 0)

    def write(self, first: int, rows: NDArray) -> str:
        """Write rows from `first` on; returns their SHA-256.

        Raises:
            StorageError: the disk is full.
        """
        content = memoryview(np.asarray(rows, self._dtype).tobytes())
        digest = hashlib.sha256(content).hexdigest()
        with faults_of(self.path):
            self._write(content, self._place(first))
        return digest

    def digest(self, first: int, count: int) -> str:
        """The SHA-256 of `count` rows from `first` on, as they are on the disk."""
        found, place, end = hashlib.sha256(), self._place(first), self._place(first + count)
        while place < end:
            part = os.pread(self._descriptor, min(_PART, end - place), place)
            if not part:
                break
            found.update(part)
            place += len(part)
        return found.hexdigest()

    def _place(self, row: int) -> int:
        return len(self._header) + row * self._row

    def _write(self, content: memoryview, place: int) -> None:
        while content:
            done = os.pwrite(self._descriptor, content, place)
            content, place = content[done:], place + done
