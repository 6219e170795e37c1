"""Decoding images, a run of them at a time, in this process or in several.

Each image has its row, so the processes need not know of each other, and the rows are the
same whatever their number. What is to be done, and what was found, are lines of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from snowmelt.common import stopping
from snowmelt.data.image_file import (
    PictureFacts,
    TooLargeImageError,
    UnreadableImageError,
    read_picture,
)
from snowmelt.data.image_square import Fit
from snowmelt.data.sources.archive import member_bytes
from snowmelt.data.sources.decoded import Decoded
from snowmelt.data.sources.image_list import Entry
from snowmelt.data.sources.picture_tally import PictureTally
from snowmelt.data.sources.printable import printable
from snowmelt.data.sources.rows_file import write_images
from snowmelt.data.sources.zip_index import DamagedArchiveError


@dataclass(frozen=True)
class Plan:
    """What becomes of an image.

    Attributes:
        place: the folder of the images, or "" for those of an archive.
        archive: the descriptor of an open archive, -1 for a folder.
        size, channels, value_range, max_pixels, fit: see `read_picture`.
        rows: the descriptor of the file of rows, -1 until there is one.
    """

    place: str
    archive: int
    size: int
    channels: int
    value_range: tuple[int, int] | None
    max_pixels: int
    rows: int = -1
    fit: Fit = "crop"

    def tally(self) -> PictureTally:
        return PictureTally(self.size, self.channels, self.value_range)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def decisive(self) -> dict[str, Any]:
        """What decides a row, beside the bytes of an image."""
        of_process = ("archive", "rows")
        return {k: value for k, value in self.to_dict().items() if k not in of_process}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Plan:
        levels = plain["value_range"]
        return cls(**{**plain, "value_range": None if levels is None else tuple(levels)})


def decode_run(plan: Plan, first: int, entries: Sequence[Entry]) -> Decoded:
    """Decode a run of images into the rows from `first` on.

    Raises:
        OSError: the disk is full.
    """
    tally, skipped = plan.tally(), []
    images = np.zeros((len(entries), plan.channels, plan.size, plan.size), np.uint8)
    for number, entry in enumerate(entries):
        found = _read(plan, entry)
        if isinstance(found, str):
            skipped.append((number, found))
            continue
        images[number], facts = found
        tally.add(printable(entry.name), facts)
    rows = write_images(plan.rows, first, images)
    return Decoded(tuple(skipped), tally.to_dict(), rows)


def is_still_unreadable(plan: Plan, entries: Sequence[Entry], found: Decoded) -> bool:
    """Whether the images that were skipped still cannot be read, for the same reasons.

    A lack of memory, or a disk that failed for a moment, may be over.
    """
    return all(_read(plan, entries[number]) == reason for number, reason in found.skipped)


def _read(plan: Plan, entry: Entry) -> tuple[np.ndarray, PictureFacts] | str:
    """An image and what is known of it, or why it cannot be read."""
    try:
        return read_picture(
            _source(plan, entry),
            size=plan.size,
            channels=plan.channels,
            value_range=plan.value_range,
            max_pixels=plan.max_pixels,
            fit=plan.fit,
        )
    except (UnreadableImageError, DamagedArchiveError) as error:
        cure = ", data.max_pixels" if isinstance(error, TooLargeImageError) else ""
        return f"{error}{cure}"


def _source(plan: Plan, entry: Entry) -> Path | BinaryIO:
    if plan.archive < 0:
        return Path(plan.place) / entry.name
    return member_bytes(plan.archive, entry.place)


def serve() -> None:
    """Do what the lines of standard input say, and answer each with a line, to its end.

    Once the process that asks is gone, an image is finished, and nothing more is written.
    """
    with contextlib.suppress(stopping.Stopped), stopping.in_good_order():
        plan = Plan.from_dict(json.loads(sys.stdin.buffer.readline()))
        for line in sys.stdin.buffer:
            first, entries = json.loads(line)
            done = decode_run(plan, first, [_entry(*entry) for entry in entries])
            sys.stdout.buffer.write(json.dumps(done.to_dict()).encode() + b"\n")
            sys.stdout.buffer.flush()


def _entry(name: str, place: Sequence[int]) -> Entry:
    return Entry(os.fsdecode(name.encode("latin-1")), tuple(place))


def asked(first: int, entries: Sequence[Entry]) -> bytes:
    """The line that asks `serve` for a run; names may hold bytes that are no text."""
    named = [[os.fsencode(name).decode("latin-1"), place] for name, place in entries]
    return json.dumps([first, named]).encode() + b"\n"


def answered(line: bytes) -> Decoded:
    """What `serve` said."""
    return Decoded.from_dict(json.loads(line))
