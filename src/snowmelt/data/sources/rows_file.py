"""Images that were read, on the disk until they are put in order."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from snowmelt.common.array_files import take_room


class RowsFile:
    """Room for `count` images of uint8 in a file.

    Args:
        shape: of one image.
        folder: of which file system; None for that of temporary files.
        file: an open one, which keeps what it holds of these rows; None for one without a
            name, which goes by itself.

    Raises:
        OSError: there is not enough room.
    """

    def __init__(
        self,
        count: int,
        shape: tuple[int, ...],
        folder: Path | None,
        file: BinaryIO | None = None,
    ) -> None:
        self.shape = (count, *shape)
        if file is None:
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it stays open
        self.file = file
        size = math.prod(self.shape)
        os.ftruncate(self.descriptor, min(size, os.fstat(self.descriptor).st_size))
        take_room(self.descriptor, size)

    @property
    def descriptor(self) -> int:
        return self.file.fileno()

    def array(self) -> np.ndarray:
        """All rows, mapped. Shapes: -> (count, *shape) uint8"""
        if 0 in self.shape:
            return np.empty(self.shape, np.uint8)
        return np.memmap(self.file, np.uint8, "r", shape=self.shape)

    def digest(self, first: int, count: int) -> str:
        """The SHA-256 of `count` rows from `first` on."""
        row = math.prod(self.shape[1:])
        content = os.pread(self.descriptor, count * row, first * row)
        return hashlib.sha256(content).hexdigest()


def write_images(descriptor: int, first: int, images: np.ndarray) -> str:
    """Write images (n, C, H, W) as the rows from `first` on; processes may share the work.

    Returns:
        The SHA-256 of the rows.

    Raises:
        OSError: the disk is full.
    """
    content = memoryview(images.tobytes())
    digest = hashlib.sha256(content).hexdigest()
    place = first * math.prod(images.shape[1:])
    while content:
        done = os.pwrite(descriptor, content, place)
        content, place = content[done:], place + done
    return digest
