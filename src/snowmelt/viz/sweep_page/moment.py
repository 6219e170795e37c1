"""A moment of a training, at which samples were drawn."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """When, during a training: at a step, or at a share of its time in per cent.

    A training by the clock has shares, since its steps are those of no other.
    """

    at: int
    is_share: bool = False

    @property
    def told(self) -> str:
        return f"{self.at} % of the time" if self.is_share else f"step {self.at:,}"
