"""Starts: where a journey to the data begins.

Diffusion begins with normal noise. Flows and bridges may begin with anything that can be
drawn: another data set, points of a known density. Stage prepare draws and keeps it beside
the data (`snowmelt.data.prepared.start_points`), and whoever needs starts later reads them
there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from snowmelt.data.sources.source import Source


class Start(ABC):
    """Where a journey begins."""

    @property
    @abstractmethod
    def source(self) -> Source | None:
        """The source of its examples; None for normal noise."""


class Normal(Start):
    """Standard normal noise, in the model's units."""

    @property
    def source(self) -> None:
        return None


class DataSet(Start):
    """The examples of a source, as every source of data has them.

    Args:
        of: the source. Points are in the units of the data that they are carried to.
    """

    def __init__(self, of: Source) -> None:
        self.of = of

    @property
    def source(self) -> Source:
        return self.of
