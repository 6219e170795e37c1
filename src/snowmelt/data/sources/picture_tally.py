"""What the images of a folder have in common, and what only some of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from snowmelt.data.image_file import MOST_PAGES, PictureFacts
from snowmelt.data.image_levels import sparse_note


class PictureTally:
    """Counts facts of images one by one, for the notes of the manifest.

    Args:
        size: side of the prepared images.
        channels: 1 for grey, 3 for colour.
        value_range: the configured one, or None.
    """

    def __init__(
        self, size: int, channels: int, value_range: tuple[int, int] | None
    ) -> None:
        self.size = size
        self.channels = channels
        self.value_range = value_range
        self.counts: Counter[str] = Counter()
        self.film: str | None = None
        self.ranges: dict[int, tuple[int, int]] = {}

    def add(self, file: str, facts: PictureFacts) -> None:
        counts = self.counts
        counts["images"] += 1
        counts["enlarged"] += facts.is_enlarged
        counts["grey"] += facts.is_grey
        counts["transparent"] += facts.is_transparent
        counts["films"] += facts.frames > 1
        counts["deep"] += facts.bits == 16
        if facts.frames > 1 and self.film is None:
            more = " or more" if facts.frames == MOST_PAGES else ""
            self.film = f"{file}: {facts.frames}{more}"
        low, high = self.ranges.get(facts.bits, facts.levels)
        self.ranges[facts.bits] = min(low, facts.levels[0]), max(high, facts.levels[1])

    def to_dict(self) -> dict[str, Any]:
        """What was counted, as plain values."""
        ranges = [[bits, *levels] for bits, levels in self.ranges.items()]
        return {"counts": dict(self.counts), "film": self.film, "ranges": ranges}

    def merge(self, plain: Mapping[str, Any]) -> None:
        """Add what `to_dict` says of images that come after those counted so far."""
        self.counts.update(plain["counts"])
        self.film = self.film or plain["film"]
        for bits, *levels in plain["ranges"]:
            low, high = self.ranges.get(bits, levels)
            self.ranges[bits] = min(low, levels[0]), max(high, levels[1])

    def notes(self) -> list[str]:
        """One sentence for each thing that a reader should know."""
        count = self.counts
        told = {
            f"{count['enlarged']} images are smaller than {self.size} and were enlarged": (
                count["enlarged"]
            ),
            f"{count['films']} files hold several frames or pages ({self.film}): the first"
            " of each is taken": count["films"],
            f"{count['transparent']} images have transparent parts, which became white": (
                count["transparent"]
            ),
            "all images are grey: data.channels=1 would do": (
                self.channels == 3 and count["grey"] == count["images"]
            ),
            f"{count['grey']} of {count['images']} images are grey, the others coloured": (
                0 < count["grey"] < count["images"]
            ),
            f"{count['deep']} of {count['images']} images have 16 bits, the others 8": (
                0 < count["deep"] < count["images"]
            ),
        }
        return [note for note, applies in told.items() if applies] + self._sparse()

    def _sparse(self) -> list[str]:
        """Notes on images that use a small part of their levels."""
        found = []
        for bits, levels in sorted(self.ranges.items()):
            declared = self.value_range or (0, 2**bits - 1)
            note = sparse_note(levels, declared)
            if note is not None:
                of = f"in the files of {bits} bits " if len(self.ranges) > 1 else ""
                found.append(of + note)
        return found
