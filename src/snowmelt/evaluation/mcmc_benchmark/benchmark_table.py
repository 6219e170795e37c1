"""The benchmark as a table: in Markdown a line for each method, in CSV one a cloud."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from snowmelt.evaluation.mcmc_benchmark.benchmark import Measured, Row
from snowmelt.evaluation.mcmc_benchmark.cloud_quality import Quality

CONVERGED = 2  # times the floor


@dataclass(frozen=True)
class Line:
    """The clouds of one method from one start, over all budgets and seeds."""

    method: str
    family: str
    start: str
    rows: tuple[Row, ...]

    @property
    def is_chain(self) -> bool:
        return self.family == "chain"

    @property
    def label(self) -> str:
        """The method, and for diffusion whose score it uses."""
        return self.method if self.is_chain else f"{self.method}, {self.family}"

    @property
    def budgets(self) -> list[int]:
        return sorted({row.budget for row in self.rows})

    def at(self, budget: int) -> list[Row]:
        return [row for row in self.rows if row.budget == budget]

    def values(self, budget: int, of: Callable[[Row], float | None]) -> list[float]:
        """One number of every cloud at a budget; none where it is not known."""
        return [value for row in self.at(budget) if (value := of(row)) is not None]


def lines(rows: Iterable[Row]) -> list[Line]:
    """The rows by method, whose score, and start, in the order in which they came."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.method, row.family, row.start), []).append(row)
    return [Line(*key, tuple(some)) for key, some in found.items()]


def distance(row: Row) -> float:
    """The Wasserstein distance of a cloud."""
    return row.quality.wasserstein_2


def weight(row: Row) -> float | None:
    """The weight of the leftmost mode in a cloud."""
    return row.quality.weight


def mean_floor(measured: Measured) -> float:
    return statistics.fmean(one.wasserstein_2 for one in measured.floor)


def floor_error(measured: Measured) -> float:
    """The standard error of that mean; infinite for a single pair."""
    return standard_error([one.wasserstein_2 for one in measured.floor])


def standard_error(values: Sequence[float]) -> float:
    """The standard error of a mean of independent values; infinite for a single one."""
    if len(values) < 2:
        return math.inf
    return statistics.stdev(values) / math.sqrt(len(values))


def convergence_budget(line: Line, floor: float) -> int | None:
    """The least budget from which on the distance stays within twice the floor.

    The mean less its standard error is compared. None: no budget suffices.
    """
    least = None
    for budget in reversed(line.budgets):
        found = line.values(budget, distance)
        if not all(map(math.isfinite, found)):
            break
        error = standard_error(found) if len(found) > 1 else 0.0
        if statistics.fmean(found) - error > CONVERGED * floor:
            break
        least = budget
    return least


def markdown(measured: Measured) -> str:
    """A line for each method and start, with means and standard deviations over seeds."""
    budgets, settings = measured.settings.budgets, measured.settings
    head = ["method", "start", *(f"{budget:,}" for budget in budgets)]
    head += [f"within {CONVERGED} x floor at"]
    if measured.weight is not None:
        head.append(f"left mode, last (true {measured.weight:g})")
    head += ["R-hat, last", "evaluations a draw", "training"]
    body = [_line(line, measured) for line in lines(measured.rows)]
    floor = spread([one.wasserstein_2 for one in measured.floor])
    truth = [one.weight for one in measured.floor if one.weight is not None]
    last = [spread(truth)] if measured.weight is not None else []
    body.append(["**two true clouds**", "", *[floor] * len(budgets), "", *last, "", "", ""])
    caption = (
        f"{settings.points} points a cloud, {settings.seeds} seeds: Wasserstein distance"
        " from as many true draws, after so many evaluations a point. The mean over"
        f" {len(measured.floor)} pairs of true clouds is {floor_with_error(measured)}."
    )
    rule = "|" + "---|" * len(head)
    return "\n".join([caption, "", joined(head), rule, *map(joined, body)]) + "\n"


def floor_with_error(measured: Measured) -> str:
    """`0.102 with a standard error of 0.005`."""
    error = floor_error(measured)
    known = f"{error:.3f}" if math.isfinite(error) else "unknown size"
    return f"{mean_floor(measured):.3f} with a standard error of {known}"


def _line(line: Line, measured: Measured) -> list[str]:
    last = line.budgets[-1]
    cells = [line.label, line.start]
    cells += [spread(line.values(b, distance)) for b in measured.settings.budgets]
    least = convergence_budget(line, mean_floor(measured))
    cells.append("never" if least is None else f"{least:,}")
    if measured.weight is not None:
        cells.append(spread(line.values(last, weight)))
    cells.append(spread(line.values(last, lambda row: row.rhat), 3, is_alone=True))
    costs = line.values(last, lambda row: row.draw_cost)
    cells.append(f"{statistics.fmean(costs):,.0f}" if costs else "")
    training = line.rows[0].training
    cells.append(f"{training:,}" if training else "0")
    return cells


def joined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float], decimals: int = 2, *, is_alone: bool = False) -> str:
    """`0.55 ± 0.02`, mean and standard deviation; an empty cell for no values."""
    if not values:
        return ""
    if not all(map(math.isfinite, values)):
        return "diverged"
    mean = f"{statistics.fmean(values):.{decimals}f}"
    if len(values) == 1 or is_alone:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}"


def cloud_rows(measured: Measured) -> list[dict[str, Any]]:
    """A line for each cloud; those of the floor come last.

    Beside each stand the mean of the floor and its standard error, where there is one.
    """
    rows = [_flat(row) for row in measured.rows]
    rows += [
        {"method": "true draws", "family": "floor", "seed": number} | _of(found)
        for number, found in enumerate(measured.floor)
    ]
    error = floor_error(measured)
    known = {
        "floor": mean_floor(measured),
        "floor_error": error if math.isfinite(error) else "",
    }
    return [row | known for row in rows]


def _flat(row: Row) -> dict[str, Any]:
    known = {
        "method": row.method,
        "family": row.family,
        "start": row.start,
        "budget": row.budget,
        "evaluations": row.evaluations,
        "training_evaluations": row.training,
        "seed": row.seed,
    }
    diagnosed = {
        "rhat": row.rhat,
        "ess_a_chain": row.ess,
        "evaluations_a_draw": row.draw_cost,
        "acceptance": row.acceptance,
        "step_size": row.size,
    }
    return known | _of(row.quality) | diagnosed


def _of(found: Quality) -> dict[str, Any]:
    return {
        "wasserstein_2": found.wasserstein_2,
        "energy_distance": found.energy_distance,
        "left_weight": found.weight,
    }
