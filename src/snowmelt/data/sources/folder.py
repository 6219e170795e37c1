"""A folder of images, nested as deep as one likes, or a zip or tar file of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Literal

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.common.bounds import DeepLevel, Pixels, Side
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.common.records import content_digest
from snowmelt.data.image_file import MOST_PIXELS
from snowmelt.data.image_levels import checked_range, prepared_range
from snowmelt.data.image_square import FITS, Fit
from snowmelt.data.prepared.image_rows import ImageRows
from snowmelt.data.prepared.manifest import Skipped
from snowmelt.data.sources import folder_layout
from snowmelt.data.sources.decoding import Plan
from snowmelt.data.sources.decoding_group import Outcome
from snowmelt.data.sources.entry_digests import digest_of_entries, file_stamp
from snowmelt.data.sources.image_listing import Listing, image_files
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.printable import printable
from snowmelt.data.sources.rows_file import RowsFile
from snowmelt.data.sources.source import RawData


@dataclass(frozen=True, kw_only=True)
class Folder(ImageSource):
    """Images of any size and kind, made square and resized.

    Images are taken in the order of their paths. Sub-folders are classes, and folders
    named train and test are an official split; see `snowmelt.data.sources.folder_layout`.
    Images that are smaller than `size` are enlarged, and the manifest says how many.

    Args:
        path: the folder, or a zip or tar file (also .tar.gz, .tar.bz2, .tar.xz), which is
            read where it is.
        size: the side of the prepared images.
        channels: 1 for grey, 3 for colour.
        fit: what becomes of an image that is no square: "crop" takes its middle square,
            "pad" all of it with white beside it, "stretch" all of it with other
            proportions.
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
    fit: Fit = "crop"
    on_corrupt: Literal["error", "skip"] = "error"
    value_range: Sequence[DeepLevel] | None = None
    max_pixels: Pixels = MOST_PIXELS

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.text("data.path", self.path)
        argument_checks.integer("data.size", self.size, least=1)
        argument_checks.choice("data.channels", self.channels, (1, 3))
        argument_checks.choice("data.fit", self.fit, FITS)
        argument_checks.choice("data.on_corrupt", self.on_corrupt, ("error", "skip"))
        argument_checks.integer("data.max_pixels", self.max_pixels, least=1)
        if self.value_range is not None:
            checked_range(self.value_range, 65535)

    def stored_shape(self) -> tuple[int, ...]:
        return 1 if self.gray else self.channels, self.size, self.size

    def stamp(self) -> str:
        """Names, sizes and times of the images, and what is told of the other files; of an
        archive its own size and times."""
        place = self.located(self.path)
        if place.is_file():
            return content_digest([str(place.resolve()), *file_stamp(place)])
        listing = image_files(place, self.scratch)
        names = digest_of_entries(str(place), listing.images)
        return content_digest([str(place.resolve()), names, *listing.notes])

    def read_images(self) -> RawData:
        """Decode all images.

        Raises:
            UserError: no folder, no images, images that cannot be read, or too many for
                the disk.
        """
        place = self.located(self.path)
        listing = image_files(place, self.scratch)
        # An ambiguous layout, or nothing to hold out, is told before the long loop.
        layout = folder_layout.understood(entry.name for entry in listing.images)
        if layout.held_out is None and self.held_out_fraction is None:
            raise UserError(
                f"data.held_out_fraction is null, and {place} has no folders train and"
                " test: give a number between 0 and 1"
            )
        rows, found = self._decoded(place, listing)
        if found.skipped and (self.on_corrupt == "error" or not found.kept.any()):
            raise UserError(_listed(found.skipped, len(found.kept), place))
        names = (entry.name for entry in listing.images)
        meaning = folder_layout.understood(compress(names, found.kept))
        examples: np.ndarray | ImageRows = rows.array()
        if found.skipped:
            examples = ImageRows.of(examples).picked(np.flatnonzero(found.kept))
        return RawData(
            examples=examples,
            labels=meaning.labels,
            classes=meaning.classes,
            value_range=prepared_range(self._range),
            held_out=meaning.held_out,
            skipped=tuple(Skipped(printable(n), reason) for n, reason in found.skipped),
            notes=(*meaning.notes, *listing.notes, *found.tally.notes()),
        )

    def _decoded(self, place: Path, listing: Listing) -> tuple[RowsFile, Outcome]:
        archive = listing.archive
        plan = Plan(
            place=str(place.resolve()) if archive is None else "",
            archive=-1 if archive is None else archive.file.fileno(),
            size=self.size,
            channels=self.stored_shape()[0],
            value_range=self._range,
            max_pixels=self.max_pixels,
            fit=self.fit,
        )
        return self.decoded(listing.images, plan, archive)

    @property
    def _range(self) -> tuple[int, int] | None:
        return None if self.value_range is None else checked_range(self.value_range, 65535)


def _listed(skipped: Sequence[tuple[str, str]], count: int, place: Path) -> str:
    lines = [f"  {printable(name)}: {reason}" for name, reason in skipped]
    return "\n".join(
        [
            f"{len(skipped)} of {count} images in {place} cannot be read: mend,"
            " reduce or delete them, or leave them out with data.on_corrupt=skip",
            *lines,
        ]
    )
