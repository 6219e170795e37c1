"""What is known of images that were decoded, a run of them at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

RUN = 256  # images that are decoded at a time
FEW = 4096  # images that are decoded sooner than another process starts


@dataclass(frozen=True)
class Decoded:
    """What became of a run of images.

    Attributes:
        skipped: the number of each one that cannot be read in its run, and the reason.
        tally: of the others, as plain values.
        rows: the SHA-256 of all their rows.
    """

    skipped: tuple[tuple[int, str], ...]
    tally: dict[str, Any]
    rows: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Decoded:
        skipped = tuple((number, reason) for number, reason in plain["skipped"])
        return cls(skipped, plain["tally"], plain["rows"])
