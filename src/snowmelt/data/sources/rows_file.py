"""Images that were read, on the disk until they are put in order."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import numpy as np

from snowmelt.common.array_files import take_room


class RowsFile:
    """Room for `count` images of uint8 in a file without a name, which goes by itself.

    Args:
        shape: of one image.
        folder: of which file system; None for that of temporary files.

    Raises:
        OSError: there is not enough room.
    """

    def __init__(self, count: int, shape: tuple[int, ...], folder: Path | None) -> None:
        self.shape = (count, *shape)
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it stays open
        take_room(self.file.fileno(), math.prod(self.shape))

    @property
    def descriptor(self) -> int:
        return self.file.fileno()

    def array(self) -> np.ndarray:
        """All rows, mapped. Shapes: -> (count, *shape) uint8"""
        if 0 in self.shape:
            return np.empty(self.shape, np.uint8)
        return np.memmap(self.file, np.uint8, "r", shape=self.shape)


def write_images(descriptor: int, first: int, images: np.ndarray) -> None:
    """Write images (n, C, H, W) as the rows from `first` on; processes may share the work.

    Raises:
        OSError: the disk is full.
    """
    content = memoryview(images.tobytes())
    place = first * math.prod(images.shape[1:])
    while content:
        done = os.pwrite(descriptor, content, place)
        content, place = content[done:], place + done
