"""What came of the iterations of a fitting: text for the terminal, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from snowmelt.common.csv_table import csv_text
from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.evaluation.number_format import duration, number


@dataclass(frozen=True)
class IterationResult:
    """One iteration: how near its ends are to real data, and what its ways cost.

    Attributes:
        number: from 1.
        way: its direction, in words.
        to_data: whether that is to the data.
        reading: the distance of its ends from held-out examples; None where nothing ranks.
        transport_cost: the mean squared distance of start and sample, in the unit of
            points, and between images of the range [-1, 1].
        path_energy: of the flow, see `snowmelt.evaluation.transport.flow_paths`.
        seconds: that it took, if that is known.
        folder: where it lies.
    """

    number: int
    way: str
    to_data: bool
    reading: Reading | None
    transport_cost: float
    path_energy: float
    seconds: float | None
    folder: str

    def plain(self) -> dict[str, Any]:
        """The values, ready for CSV and JSON."""
        found: dict[str, Any] = {"iteration": self.number, "way": self.way}
        if self.reading is not None:
            found |= {"distance": self.reading.value, "metric": self.reading.key}
            found |= {"spread": self.reading.spread, "floor": self.reading.floor}
        costs = {"transport_cost": self.transport_cost, "path_energy": self.path_energy}
        return found | costs | {"seconds": self.seconds, "folder": self.folder}

    def row(self) -> dict[str, str]:
        """The values as a person reads them."""
        found = {"iteration": str(self.number), "way": self.way}
        if self.reading is not None:
            found |= {self.reading.label: self.reading.text}
            found |= {"real data": self.reading.floor_text}
        took = "" if self.seconds is None else duration(self.seconds)
        costs = {
            "transport cost": number(self.transport_cost),
            "path energy": number(self.path_energy),
        }
        return found | costs | {"took": took}


def iteration_table(results: Sequence[IterationResult], form: str = "simple") -> str:
    """A row an iteration, with aligned columns.

    Args:
        form: as tabulate calls it; `pipe` is Markdown.
    """
    rows = [result.row() for result in results]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[row.get(column, "") for column in columns] for row in rows]
    return tabulate(cells, columns, form, disable_numparse=True)


def iteration_csv(results: Sequence[IterationResult]) -> str:
    """A row an iteration."""
    return csv_text([result.plain() for result in results])


def iteration_dict(results: Sequence[IterationResult]) -> dict[str, Any]:
    """All that is known, ready for JSON."""
    return {"iterations": [result.plain() for result in results]}
