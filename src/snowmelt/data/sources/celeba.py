"""CelebA: 202,599 faces, aligned, with forty attributes.

Its makers hand it out through a drive that asks a person, so it is not fetched here. The
archive is read where it is; the digests are those that torchvision compares.

References:
    Liu, Luo, Wang & Tang (2015), "Deep learning face attributes in the wild".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Fraction, Side
from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.places import Place
from snowmelt.data.image_file import MOST_PIXELS
from snowmelt.data.sources.archive import Archive
from snowmelt.data.sources.decoding import Plan
from snowmelt.data.sources.decoding_group import Outcome
from snowmelt.data.sources.image_list import ImageList
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.official_files import OfficialFile, check_keys
from snowmelt.data.sources.rows_file import RowsFile
from snowmelt.data.sources.source import RawData
from snowmelt.data.sources.zip_index import DamagedArchiveError

DOWNLOADS = Path("data/downloads/celeba")
IMAGES, SPLIT, ATTRIBUTES = (
    "img_align_celeba.zip",
    "list_eval_partition.txt",
    "list_attr_celeba.txt",
)


@dataclass(frozen=True, kw_only=True)
class CelebA(ImageSource):
    """CelebA with its official split: its validation and test images are held out.

    Args:
        path: the folder of `img_align_celeba.zip`, `list_eval_partition.txt` and, for an
            attribute, `list_attr_celeba.txt`; None for data/downloads/celeba.
        size: side of the prepared images: the middle square of 178 is resized.
        channels: 1 for grey, 3 for colour.
        attribute: one of the forty, such as Smiling, whose two values become the classes.
        held_out_fraction: None, because the split is official.
    """

    path: Place | None = None
    size: Side = 64
    channels: Literal[1, 3] = 3
    attribute: str | None = None
    held_out_fraction: Fraction | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_keys(self.path, self.held_out_fraction, "CelebA has an official split")
        argument_checks.integer("data.size", self.size, least=1)
        argument_checks.choice("data.channels", self.channels, (1, 3))

    def stored_shape(self) -> tuple[int, ...]:
        return 1 if self.gray else self.channels, self.size, self.size

    def read_images(self) -> RawData:
        """Decode all images.

        Raises:
            UserError: a file is missing, is not the official one, or cannot be read.
        """
        folder = self._folder()
        try:
            archive = Archive(folder / IMAGES, self.scratch)
            members = archive.members()
            pictures = (m.entry for m in members if m.entry.name.endswith(".jpg"))
            images = ImageList(pictures, self.scratch)
        except DamagedArchiveError as error:
            raise UserError(f"{folder / IMAGES} cannot be read: {error}") from error
        # Before hours of decoding: a table, or a name, may be wrong.
        split = _values(folder / SPLIT, images, column=0)
        labels, classes = self._labels(folder, images)
        rows, found = self._decoded(archive, images)
        if found.skipped:
            name, reason = found.skipped[0]
            raise UserError(f"{folder / IMAGES}: {name}: {reason}")
        return RawData(rows.array(), labels, classes, (0, 255), split != 0)

    def _decoded(self, archive: Archive, images: ImageList) -> tuple[RowsFile, Outcome]:
        plan = Plan(
            place="",
            archive=archive.file.fileno(),
            size=self.size,
            channels=self.stored_shape()[0],
            value_range=None,
            max_pixels=MOST_PIXELS,
        )
        return self.decoded(images, plan, archive)

    def _folder(self) -> Path:
        """The folder of the files, each of which is there and the official one."""
        folder = self.root / DOWNLOADS if self.path is None else self.located(self.path)
        wanted = [IMAGES, SPLIT] + ([ATTRIBUTES] if self.attribute is not None else [])
        missing = [name for name in wanted if not (folder / name).is_file()]
        if missing:
            raise UserError(
                f"CelebA is not fetched by this program: put {', '.join(missing)} into"
                f" {folder}, or name their folder by data.path=DIR; they are on"
                " https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Align&Cropped Images,"
                " Img, and the folders Eval and Anno)"
            )
        digests = official_digests()
        for name in wanted:
            OfficialFile(name, digests[name]).check(folder / name)
        return folder

    def _labels(
        self, folder: Path, images: ImageList
    ) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        if self.attribute is None:
            return None, None
        with (folder / ATTRIBUTES).open(encoding="ascii") as lines:
            next(lines)
            names = next(lines).split()
        if self.attribute not in names:
            raise UserError(
                f"data.attribute: CelebA has no attribute {self.attribute!r}"
                f"{did_you_mean(self.attribute, names)}: it has {', '.join(names)}"
            )
        column = names.index(self.attribute)
        values = _values(folder / ATTRIBUTES, images, column, head=2)
        return (values > 0).astype(np.int64), (f"not {self.attribute}", self.attribute)


def official_digests() -> dict[str, str]:
    """The MD5 of each file, as torchvision knows it."""
    from torchvision.datasets import CelebA as Known  # here, since it takes seconds

    return {name: digest for _, digest, name in Known.file_list}


def _values(path: Path, images: ImageList, column: int, head: int = 0) -> np.ndarray:
    """A column of a table whose lines are in the order of the images: (N,) int64."""

    def values() -> Iterator[int]:
        with path.open(encoding="ascii") as lines:
            rows = islice(lines, head, None)
            for entry, line in zip(images, rows, strict=True):
                name, *numbers = line.split()
                if entry.name.rpartition("/")[2] != name:
                    raise ValueError(f"{name} where {entry.name} should be")
                yield int(numbers[column])

    try:
        return np.fromiter(values(), np.int64)
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} does not go with {IMAGES} ({error})") from error
