"""Data sets of four idx files: images and labels, to train on and held out."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np

from snowmelt.common.bounds import Fraction
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.common.regular_files import open_regular
from snowmelt.data.prepared.row_split import RowSplit
from snowmelt.data.sources.idx_form import idx_heading
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.official_files import check_keys, from_mirrors
from snowmelt.data.sources.source import RawData

TRAIN, HELD_OUT = 60_000, 10_000  # images of each part
LARGEST = 16 + TRAIN * 28 * 28  # bytes: the training images, unpacked


@dataclass(frozen=True, kw_only=True)
class IdxFiles(ImageSource):
    """Four idx files of 28x28 images, verified by digest, with their official split.

    They are looked for in `path` if it is given, else in the folder of Debian's package
    where there is one, else in `downloads`, into which they are fetched once.

    Args:
        path: the folder of the files, packed (.gz) or not; None to look and fetch.
        held_out_fraction: None, because the official test images are held out.

    Attributes:
        title: what people call the data.
        digests: the SHA-256 of the unpacked files, which are packed differently in
            different places: training images and labels, then those held out.
        mirrors: where they can be fetched, each ends in a slash.
        downloads: the folder for them, below the project's root.
        debian: the folder of Debian's package, and the name of that.
        names: of the classes.
    """

    title: ClassVar[str]
    digests: ClassVar[dict[str, str]]
    mirrors: ClassVar[tuple[str, ...]]
    downloads: ClassVar[Path]
    debian: ClassVar[tuple[Path, str] | None] = None
    names: ClassVar[tuple[str, ...]]

    path: Place | None = None
    held_out_fraction: Fraction | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        split = f"{self.title} holds out its 10,000 official test images"
        check_keys(self.path, self.held_out_fraction, split)

    def stored_shape(self) -> tuple[int, ...]:
        return 1, 28, 28

    def row_split(self) -> RowSplit:
        split = super().row_split()
        return split.official(TRAIN, HELD_OUT) if self.classes is None else split

    def read_images(self) -> RawData:
        """The images (70000, 1, 28, 28), their labels and which are held out.

        Raises:
            UserError: a file is missing and cannot be fetched, or is not the right one.
        """
        folder = self._folder()
        parts = [self._verified(folder, stem) for stem in self.digests]
        images, labels = parts[::2], parts[1::2]
        return RawData(
            examples=np.concatenate(images)[:, None],
            labels=np.concatenate(labels).astype(np.int64),
            classes=self.names,
            value_range=(0, 255),
            held_out=np.repeat([False, True], [len(part) for part in images]),
        )

    def _folder(self) -> Path:
        """The folder that holds all four files, fetching them if need be."""
        if self.path is not None:
            folder = self.located(self.path)
            missing = self._missing(folder)
            if missing:
                raise UserError(
                    f"data.path: {folder} lacks {', '.join(missing)} (.gz or not)"
                )
            return folder
        if self.debian is not None and not self._missing(self.debian[0]):
            return self.debian[0]
        folder = self.root / self.downloads
        for stem in self._missing(folder):
            self._fetch(stem, folder)
        return folder

    def _missing(self, folder: Path) -> list[str]:
        return [stem for stem in self.digests if _file(folder, stem) is None]

    def _verified(self, folder: Path, stem: str) -> np.ndarray:
        """The array in the idx file of that name, whose content is the official one."""
        path = _file(folder, stem)
        if path is None:
            raise UserError(f"{folder / stem} has vanished")
        content = self._official_content(path, path, stem)
        shape, start = idx_heading(BytesIO(content))
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)

    def _official_content(self, source: Path, path: Path, stem: str) -> bytes:
        """Read `source`, unpack it if need be, and check that it is the official `stem`.

        Args:
            path: what the errors call it.

        Raises:
            UserError: it is packed and damaged, cannot be read, or holds something else.
        """
        try:
            content = _unpacked(source)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} is damaged ({error}): replace or delete it") from error
        found = f"the SHA-256 of its content is {hashlib.sha256(content).hexdigest()}"
        if len(content) > LARGEST:
            found = f"its content is longer than {LARGEST} bytes"
        elif found.endswith(self.digests[stem]):
            return content
        raise UserError(
            f"{path} is not {self.title}'s {stem}: {found}, not {self.digests[stem]}; for"
            " other data use data=folder or array"
        )

    def _fetch(self, stem: str, folder: Path) -> None:
        """Download one file into `folder`, whole and verified, or not at all.

        Raises:
            UserError: no mirror answers, or what came is not the file.
        """
        target = folder / f"{stem}.gz"
        failed = from_mirrors(
            self.mirrors,
            target,
            lambda draft, named: self._official_content(draft, named, stem),
        )
        if not failed:
            return
        files = ", ".join(f"{name}.gz" for name in self.digests)
        package = f", or install Debian's package {self.debian[1]}" if self.debian else ""
        raise UserError(
            f"{self.title} is not on this machine and cannot be fetched"
            f" ({'; '.join(failed)}). Put {files} into {folder}, or name their folder by"
            f" data.path=DIR{package}"
        )


def _file(folder: Path, stem: str) -> Path | None:
    """The packed or unpacked file of that name, if it is there."""
    candidates = (folder / f"{stem}.gz", folder / stem)
    return next((path for path in candidates if path.is_file()), None)


def _unpacked(source: Path) -> bytes:
    """The content of a file, unpacked if need be, and no more than a byte too much."""
    with open_regular(source) as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if is_packed else file
        return stream.read(LARGEST + 1)  # a few kB can unpack to many GB
