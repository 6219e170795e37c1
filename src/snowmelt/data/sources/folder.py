"""A folder of images, nested as deep as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from snowmelt.common import argument_checks
from snowmelt.common.bounds import DeepLevel, Pixels, Side
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.data.image_file import (
    MOST_PIXELS,
    TooLargeImageError,
    UnreadableImageError,
    read_picture,
)
from snowmelt.data.image_levels import checked_range, prepared_range
from snowmelt.data.prepared.manifest import Skipped
from snowmelt.data.sources import folder_layout
from snowmelt.data.sources.image_listing import image_files, printable
from snowmelt.data.sources.picture_tally import PictureTally
from snowmelt.data.sources.source import RawData, Source


@dataclass(frozen=True, kw_only=True)
class Folder(Source):
    """Images of any size and kind, cropped to their middle square and resized.

    Images are taken in the order of their paths. Sub-folders are classes, and folders
    named train and test are an official split; see `snowmelt.data.sources.folder_layout`.
    Images that are smaller than `size` are enlarged, and the manifest says how many.

    Args:
        path: the folder.
        size: the side of the prepared images.
        channels: 1 for grey, 3 for colour.
        on_corrupt: what to do about images that cannot be read: "error" lists them all
            and stops, "skip" leaves them out and lists them in the manifest.
        value_range: the smallest and largest level that the files can hold, both
            inclusive; None is 0 to all that their bits can say. Levels up to 255 are kept
            as they are, deeper ones spread over 0 to 255.
        max_pixels: a larger image counts as one that cannot be read, and none of it is
            decoded: a small file can claim to be larger than the memory.
    """

    path: Place
    size: Side = 32
    channels: Literal[1, 3] = 3
    on_corrupt: Literal["error", "skip"] = "error"
    value_range: Sequence[DeepLevel] | None = None
    max_pixels: Pixels = MOST_PIXELS

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.text("data.path", self.path)
        argument_checks.integer("data.size", self.size, least=1)
        argument_checks.choice("data.channels", self.channels, (1, 3))
        argument_checks.choice("data.on_corrupt", self.on_corrupt, ("error", "skip"))
        argument_checks.integer("data.max_pixels", self.max_pixels, least=1)
        if self.value_range is not None:
            checked_range(self.value_range, 65535)

    def event_shape(self) -> tuple[int, ...]:
        return self.channels, self.size, self.size

    def read(self) -> RawData:
        """Decode all images.

        Raises:
            UserError: no folder, no images, images that cannot be read, or too many for
                the memory.
        """
        folder = self.located(self.path)
        listing = image_files(folder)
        files = listing.images
        folder_layout.understood(files)  # an ambiguous layout is told before the long loop
        tally = PictureTally(self.size, self.channels, self._range)
        examples, read, skipped = self._decoded(folder, files, tally)
        meaning = folder_layout.understood(read)
        return RawData(
            examples=examples,
            labels=meaning.labels,
            classes=meaning.classes,
            value_range=prepared_range(self._range),
            held_out=meaning.held_out,
            skipped=tuple(skipped),
            notes=(*meaning.notes, *listing.notes, *tally.notes()),
        )

    @property
    def _range(self) -> tuple[int, int] | None:
        return None if self.value_range is None else checked_range(self.value_range, 65535)

    def _decoded(
        self, folder: Path, files: Sequence[str], tally: PictureTally
    ) -> tuple[np.ndarray, list[str], list[Skipped]]:
        """The images, the files that they are of, and the unreadable ones."""
        shape = (len(files), self.channels, self.size, self.size)
        try:
            examples = np.empty(shape, dtype=np.uint8)
        except (MemoryError, ValueError) as error:
            raise UserError(
                f"data.size={self.size}: {len(files)} images do not fit into memory"
            ) from error
        read: list[str] = []
        skipped: list[Skipped] = []
        for file in tqdm(files, desc="reading images", unit="image"):
            try:
                pixels, facts = read_picture(
                    folder / file,
                    size=self.size,
                    channels=self.channels,
                    value_range=self._range,
                    max_pixels=self.max_pixels,
                )
            except UnreadableImageError as error:
                cure = ", data.max_pixels" if isinstance(error, TooLargeImageError) else ""
                skipped.append(Skipped(printable(file), f"{error}{cure}"))
                continue
            examples[len(read)] = pixels
            read.append(file)
            tally.add(printable(file), facts)
        if skipped and (self.on_corrupt == "error" or not read):
            raise UserError(_listed(skipped, len(files), folder))
        return examples[: len(read)], read, skipped


def _listed(skipped: list[Skipped], count: int, folder: Path) -> str:
    lines = [f"  {item.file}: {item.reason}" for item in skipped]
    return "\n".join(
        [
            f"{len(skipped)} of {count} images in {folder} cannot be read: mend,"
            " reduce or delete them, or leave them out with data.on_corrupt=skip",
            *lines,
        ]
    )
