"""CIFAR-10: 60,000 colour photographs of 32x32 pixels in ten classes, dogs among them.

It comes in two forms. The binary one is numbers and no more. The other one is pickled by
Python, and a pickle may say to run anything: it is compared with the published digest
before it is read, and then read by an unpickler that knows arrays, and nothing else.

References:
    Krizhevsky (2009), "Learning multiple layers of features from tiny images".
    https://www.cs.toronto.edu/~kriz/cifar.html describes both forms.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from snowmelt.common.bounds import Fraction
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.common.regular_files import open_regular
from snowmelt.data.prepared.row_split import RowSplit
from snowmelt.data.sources.array_pickle import read_arrays_alone
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.official_files import OfficialFile, check_keys, fetched
from snowmelt.data.sources.source import RawData

DOWNLOADS = Path("data/downloads/cifar10")
NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
PARTS = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
BINARY = OfficialFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9dddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/",),
)
PICKLED = OfficialFile(
    "cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ("https://www.cs.toronto.edu/~kriz/",),
)
ROWS = 10_000  # images of each part
_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_MOST = 2**26  # bytes of one part
Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Cifar10(ImageSource):
    """CIFAR-10 with its official split.

    Args:
        path: `cifar-10-binary.tar.gz`, `cifar-10-python.tar.gz`, or a folder that holds one
            of them; None to look into data/downloads/cifar10, and to fetch the first once.
        held_out_fraction: None, because the official test images are held out.
    """

    path: Place | None = None
    held_out_fraction: Fraction | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        split = "CIFAR-10 holds out its 10,000 official test images"
        check_keys(self.path, self.held_out_fraction, split)

    def stored_shape(self) -> tuple[int, ...]:
        return _SHAPE

    def row_split(self) -> RowSplit:
        split = super().row_split()
        return split.official(5 * ROWS, ROWS) if self.classes is None else split

    def read_images(self) -> RawData:
        """The images (60000, 3, 32, 32), their labels and which are held out.

        Raises:
            UserError: the archive is missing and cannot be fetched, or is not the right
                one.
        """
        path, official = self._archive()
        official.check(path)
        images = np.empty((len(PARTS) * ROWS, *_SHAPE), np.uint8)
        labels = np.empty(len(images), np.int64)
        read_part = _binary_part if official is BINARY else _pickled_part
        for number, (pixels, classes) in enumerate(_parts(path, official, read_part)):
            rows = slice(number * ROWS, (number + 1) * ROWS)
            images[rows], labels[rows] = pixels.reshape(-1, *_SHAPE), classes
        held_out = np.repeat([False] * 5 + [True], ROWS)
        return RawData(images, labels, NAMES, (0, 255), held_out)

    def _archive(self) -> tuple[Path, OfficialFile]:
        """The file to read, and which of the two it is; fetched if need be."""
        place = self.root / DOWNLOADS if self.path is None else self.located(self.path)
        if place.is_file() and self.path is not None:
            return place, PICKLED if "python" in place.name else BINARY
        for official in (BINARY, PICKLED):
            if (place / official.name).is_file():
                return place / official.name, official
        if self.path is not None:
            raise UserError(
                f"data.path: {place} lacks {BINARY.name} or {PICKLED.name}: put one of them"
                " there, packed as it is, or name the file itself"
            )
        return fetched(BINARY, place, "CIFAR-10"), BINARY


def _parts(
    path: Path, official: OfficialFile, read_part: Callable[[BinaryIO], Part]
) -> Iterator[Part]:
    """The six parts of an archive, in their order; nothing is unpacked to the disk."""
    suffix = ".bin" if official is BINARY else ""
    try:
        with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:gz") as tar:
            members = {Path(member.name).name: member for member in tar}
            for name in PARTS:
                member = members[name + suffix]
                content = tar.extractfile(member) if member.size <= _MOST else None
                if content is None:
                    raise ValueError(f"{name} is no file of {ROWS} images")
                yield read_part(content)  # type: ignore[arg-type]
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"{path} is damaged ({reason}): replace or delete it") from error


def _binary_part(file: BinaryIO) -> Part:
    """Rows of a label and the pixels. Shapes: -> (n, 3072), (n,)"""
    rows = np.frombuffer(file.read(), np.uint8).reshape(ROWS, 1 + _PIXELS)
    return rows[:, 1:], rows[:, 0]


def _pickled_part(file: BinaryIO) -> Part:
    found = read_arrays_alone(file)
    if not isinstance(found, dict) or not {b"data", b"labels"} <= found.keys():
        raise ValueError("a part without data and labels")
    return np.asarray(found[b"data"], np.uint8), np.asarray(found[b"labels"], np.int64)
