"""A data set of the Hugging Face Hub, by its name.

The package `datasets` is an optional part: `pip install 'snowmelt[huggingface]'`. Its
versions from 4 on run no code that comes with a data set; earlier ones are refused. The
images are decoded here, like those of a folder.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Literal

import numpy as np
from tqdm import tqdm

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Fraction, Pixels, Side
from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.data.image_file import MOST_PIXELS, UnreadableImageError, read_picture
from snowmelt.data.image_square import Fit
from snowmelt.data.sources import class_names
from snowmelt.data.sources.decoded import RUN, Decoded
from snowmelt.data.sources.entry_digests import file_stamp
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.picture_tally import PictureTally
from snowmelt.data.sources.rows_file import RowsFile, write_images
from snowmelt.data.sources.source import RawData

_RUNS_CODE_BEFORE = 4  # the first version that does not


@dataclass(frozen=True, kw_only=True)
class HuggingFace(ImageSource):
    """Images, and perhaps classes, of one or two splits.

    Args:
        dataset: the name on the Hub, such as `uoft-cs/cifar10`.
        configuration: which of its parts, where it has several.
        revision: a branch, tag or commit; a commit is always the same data.
        train_split: to train on.
        held_out_split: held out; None to hold out `held_out_fraction` of the first.
        image_column: of the images.
        label_column: of the classes; None for no classes.
        size, channels, max_pixels, fit: see `Folder`.
    """

    dataset: str
    configuration: str | None = None
    revision: str | None = None
    train_split: str = "train"
    held_out_split: str | None = None
    image_column: str = "image"
    label_column: str | None = None
    size: Side = 32
    channels: Literal[1, 3] = 3
    max_pixels: Pixels = MOST_PIXELS
    fit: Fit = "crop"
    held_out_fraction: Fraction | None = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.text("data.dataset", self.dataset)
        argument_checks.integer("data.size", self.size, least=1)
        argument_checks.choice("data.channels", self.channels, (1, 3))
        if self.held_out_split is not None and self.held_out_fraction is not None:
            raise UserError(
                f"data.held_out_fraction must be null with data.held_out_split="
                f"{self.held_out_split}, got {self.held_out_fraction}"
            )

    def stored_shape(self) -> tuple[int, ...]:
        return 1 if self.gray else self.channels, self.size, self.size

    def read_images(self) -> RawData:
        """Fetch what is not in the package's cache, and decode all images.

        Raises:
            UserError: the package is not installed, the data set cannot be had, or an
                image of it cannot be read.
        """
        package = _package()
        splits = [self._split(package, name) for name in self._names()]
        counts = [len(split) for split in splits]
        numbers, classes = self._classes(splits)
        rows, tally = self._decoded(splits)
        is_official = self.held_out_split is not None
        return RawData(
            examples=rows.array(),
            labels=numbers,
            classes=classes,
            value_range=(0, 255),
            held_out=np.repeat([False, True], counts) if is_official else None,
            notes=tuple(tally.notes()),
        )

    def _names(self) -> list[str]:
        held_out = [] if self.held_out_split is None else [self.held_out_split]
        return [self.train_split, *held_out]

    def _split(self, package: ModuleType, name: str) -> Any:
        """A split whose images are as they were stored, not yet decoded."""
        try:
            split = package.load_dataset(
                self.dataset, self.configuration, split=name, revision=self.revision
            )
        except Exception as error:  # no network, no such name, a damaged cache, ...
            raise UserError(
                f"data.dataset: the split {name} of {self.dataset} cannot be had"
                f" ({_reason(error)}): look at the name on https://huggingface.co/datasets,"
                " or, without a network, fetch it once where there is one"
            ) from error
        for key, column in (("image", self.image_column), ("label", self.label_column)):
            if column is not None and column not in split.column_names:
                raise UserError(
                    f"data.{key}_column: {self.dataset} has no column {column!r}"
                    f"{did_you_mean(column, split.column_names)}: it has"
                    f" {', '.join(split.column_names)}"
                )
        try:
            return split.cast_column(self.image_column, package.Image(decode=False))
        except Exception as error:  # pyarrow has one for each kind of column
            raise UserError(
                f"data.image_column: the column {self.image_column!r} of {self.dataset}"
                f" holds no images ({_reason(error)}): its columns are"
                f" {', '.join(split.column_names)}"
            ) from error

    def _decoded(self, splits: Sequence[Any]) -> tuple[RowsFile, PictureTally]:
        count = sum(map(len, splits))
        rows, journal = self.rows_for(count, self._decisive())
        tally = self._tally()
        first = 0
        with tqdm(total=count, desc="reading images", unit="image") as bar:
            for start, stored in self._runs(splits):
                size = len(stored)
                made_from = _digest(stored) if journal else ""
                found = journal.find(first, size, made_from) if journal else None
                if found is None:
                    found = self._decoded_run(rows, first, start, stored)
                    if journal is not None:
                        journal.add(first, size, made_from, found)
                tally.merge(found.tally)
                bar.update(size)
                first += size
        return rows, tally

    def _decisive(self) -> dict[str, Any]:
        """What decides a row, beside the stored bytes of its image."""
        names = ("dataset", "configuration", "revision", "size", "max_pixels", "fit")
        chosen = {name: getattr(self, name) for name in names}
        return chosen | {"channels": self.stored_shape()[0]}

    def _tally(self) -> PictureTally:
        return PictureTally(self.size, self.stored_shape()[0], None)

    def _runs(self, splits: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Stored images, some at a time, and the row of the first in its split."""
        for split in splits:
            for start in range(0, len(split), RUN):
                yield start, split[start : start + RUN][self.image_column]

    def _decoded_run(
        self, rows: RowsFile, first: int, start: int, stored: Sequence[Any]
    ) -> Decoded:
        """Decode images into the rows from `first` on; see `_runs`."""
        tally = self._tally()
        images = np.empty((len(stored), *self.stored_shape()), np.uint8)
        for number, item in enumerate(stored):
            name = f"row {start + number}"
            try:
                images[number], facts = read_picture(
                    _content(item),
                    size=self.size,
                    channels=images.shape[1],
                    max_pixels=self.max_pixels,
                    fit=self.fit,
                )
            except UnreadableImageError as error:
                raise UserError(f"data.dataset: {self.dataset}, {name}: {error}") from error
            tally.add(name, facts)
        return Decoded((), tally.to_dict(), write_images(rows.descriptor, first, images))

    def _classes(
        self, splits: Sequence[Any]
    ) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        """Numbers from 0 and the names that they stand for."""
        if self.label_column is None:
            return None, None
        given = [split[self.label_column][:] for split in splits]
        for name, labels in zip(self._names(), given, strict=True):
            self._check_labels(labels)
            # The Hub marks rows of a split without labels by -1.
            if without := sum(label is None or label == -1 for label in labels):
                raise UserError(
                    f"data.label_column: {without} rows of the split {name} have no label:"
                    " choose another split, or give null for no classes"
                )
        found, numbers = np.unique(np.concatenate(given), return_inverse=True)
        if len(found) < 2:
            return None, None
        known = getattr(splits[0].features[self.label_column], "names", None)
        names = tuple(str(value if known is None else known[value]) for value in found)
        class_names.check("data.label_column", names)
        return numbers.astype(np.int64), names

    def _check_labels(self, labels: Sequence[Any]) -> None:
        """Refuse what names no class: lists of labels, boxes, measured numbers.

        Raises:
            UserError: naming the column and one of its values.
        """
        for label in labels:
            if label is not None and not isinstance(label, int | str):  # a bool is an int
                raise UserError(
                    f"data.label_column: the column {self.label_column!r} of {self.dataset}"
                    f" holds {label!r:.60}, and a class is a whole number, a text or a"
                    " truth value: name a column of such, or give null for no classes"
                )


def _reason(error: Exception) -> str:
    """What an error says, in one line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def _package() -> ModuleType:
    """The package `datasets`, of a version that runs nothing.

    Raises:
        UserError: it is not installed, or too old.
    """
    try:
        package = importlib.import_module("datasets")
    except ImportError as error:
        raise UserError(
            "data=huggingface needs the package datasets: pip install"
            " 'snowmelt[huggingface]'"
        ) from error
    version = str(getattr(package, "__version__", "0"))
    if int(version.partition(".")[0]) < _RUNS_CODE_BEFORE:
        raise UserError(
            f"data=huggingface needs datasets {_RUNS_CODE_BEFORE} or later: version"
            f" {version} runs programs that come with a data set; pip install -U datasets"
        )
    return package


def _content(item: Any) -> Path | BinaryIO:
    """An image of a row: its bytes, or the file that it is in."""
    if isinstance(item, dict) and item.get("bytes") is not None:
        return BytesIO(item["bytes"])
    if isinstance(item, dict) and item.get("path"):
        return Path(item["path"])
    raise UnreadableImageError("it holds no image")


def _digest(stored: Sequence[Any]) -> str:
    """A digest of the bytes of some images, or of the files that they are in."""
    digest = hashlib.sha256()
    for item in stored:
        try:
            content = _content(item)
        except UnreadableImageError:
            content = BytesIO()  # whoever decodes it says so
        if isinstance(content, Path):
            told = repr((str(content), file_stamp(content))).encode()
        else:
            told = content.read()
        digest.update(b"%d %s" % (len(told), told))
    return digest.hexdigest()
