"""The table: means over seeds, where a method arrives, and every cloud in the CSV."""

from __future__ import annotations

import csv
import io
import math

import pytest

from snowmelt.common.csv_table import csv_text
from snowmelt.evaluation.mcmc_benchmark.benchmark import Measured, Row
from snowmelt.evaluation.mcmc_benchmark.benchmark_table import (
    cloud_rows,
    convergence_budget,
    floor_error,
    lines,
    markdown,
    mean_floor,
    spread,
    standard_error,
)
from snowmelt.evaluation.mcmc_benchmark.cloud_quality import Quality
from snowmelt.evaluation.settings import MCMCSettings

SETTINGS = MCMCSettings(points=10, seeds=2, budgets=(10, 30, 100))


def row(
    method: str,
    budget: int,
    seed: int,
    distance: float,
    family: str = "chain",
    **more: object,
) -> Row:
    found = Quality(distance, distance**2, 0.25 + distance)
    start = "one place" if family == "chain" else "N(0, 1)"
    return Row(method, family, start, budget, budget - 1, seed, found, **more)  # type: ignore[arg-type]


ROWS = [
    row("walk", 10, 0, 0.9),
    row("walk", 30, 0, 0.5, rhat=1.2, draw_cost=40.0),
    row("walk", 10, 1, 1.1),
    row("walk", 30, 1, 0.7, rhat=1.4, draw_cost=60.0),
    row("chain", 10, 0, 0.14, "exact score"),
    row("chain", 30, 0, 0.12, "exact score"),
    row("chain", 30, 0, 0.2, "learned score", training=12_800),
]
FLOOR = [Quality(0.09, 0.0, 0.3), Quality(0.11, 0.0, 0.32)]


def measured(weight: float | None = 0.3) -> Measured:
    return Measured(ROWS, FLOOR, weight, [], SETTINGS)


def test_lines_are_methods_scores_and_starts() -> None:
    found = lines(ROWS)
    assert [line.label for line in found] == [
        "walk",
        "chain, exact score",
        "chain, learned score",
    ]
    assert found[0].budgets == [10, 30]
    assert len(found[0].at(10)) == 2


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ([0.5, 0.19, 0.1], 30),
        ([0.1, 0.5, 0.1], 100),  # what comes and goes has not arrived
        ([0.2, 0.2, 0.2], 10),
        ([0.1, 0.1, 0.201], None),
    ],
)
def test_arrival(distances: list[float], expected: int | None) -> None:
    rows = [row("walk", b, 0, d) for b, d in zip(SETTINGS.budgets, distances, strict=True)]
    assert convergence_budget(lines(rows)[0], 0.1) == expected
    assert mean_floor(measured()) == pytest.approx(0.1)


def test_arrival_forgives_the_standard_error_of_a_mean() -> None:
    def arrived(*distances: float) -> int | None:
        rows = [row("walk", 10, seed, d) for seed, d in enumerate(distances)]
        return convergence_budget(lines(rows)[0], 0.1)

    assert arrived(0.2, 0.24) == 10  # 0.22 with an error of 0.02
    assert arrived(0.21, 0.24) is None


def test_markdown() -> None:
    text = markdown(measured()).splitlines()
    assert text[0].startswith("10 points a cloud, 2 seeds")
    assert text[0].endswith(
        "2 pairs of true clouds is 0.100 with a standard error of 0.010."
    )
    head, rule, walk, exact, learned, floor = (line.split(" | ") for line in text[2:])
    assert head[2:5] == ["10", "30", "100"]
    assert rule == ["|" + "---|" * len(head)]
    assert walk == [
        "| walk",
        "one place",
        "1.00 ± 0.14",
        "0.60 ± 0.14",
        "",
        "never",
        "0.85 ± 0.14",
        "1.300",
        "50",
        "0 |",
    ]
    assert exact[2:6] == ["0.14", "0.12", "", "10"]
    assert learned[-1] == "12,800 |"
    assert floor[2] == "0.10 ± 0.01"
    assert floor[6] == "0.31 ± 0.01"
    assert len({len(line) for line in (head, walk, exact, learned, floor)}) == 1


def test_without_modes_there_is_no_column_of_weights() -> None:
    text = markdown(measured(weight=None))
    assert "left mode" not in text
    widths = {line.count(" | ") for line in text.splitlines()[2:] if "---" not in line}
    assert len(widths) == 1


def test_csv_has_every_cloud() -> None:
    found = list(csv.DictReader(io.StringIO(csv_text(cloud_rows(measured())))))
    assert len(found) == len(ROWS) + len(FLOOR)
    assert float(found[1]["wasserstein_2"]) == 0.5
    assert float(found[1]["energy_distance"]) == 0.25
    assert float(found[1]["left_weight"]) == 0.75
    assert (found[1]["rhat"], found[0]["rhat"]) == ("1.2", "")
    assert (found[1]["budget"], found[1]["evaluations"]) == ("30", "29")
    assert found[6]["training_evaluations"] == "12800"
    assert {line["family"] for line in found[-2:]} == {"floor"}
    for line in found:
        assert float(line["floor"]) == pytest.approx(0.1)
        assert float(line["floor_error"]) == pytest.approx(0.01)


def test_the_floor_is_as_sure_as_its_pairs_are_many() -> None:
    assert floor_error(measured()) == pytest.approx(0.01)  # of 0.09 and 0.11
    assert standard_error([1.0, 3.0, 1.0, 3.0]) == pytest.approx(math.sqrt(1 / 3))
    alone = Measured(ROWS, FLOOR[:1], 0.3, [], SETTINGS)
    assert floor_error(alone) == math.inf
    assert "with a standard error of unknown size." in markdown(alone)
    lines_of = csv.DictReader(io.StringIO(csv_text(cloud_rows(alone))))
    assert {line["floor_error"] for line in lines_of} == {""}


def test_numbers() -> None:
    assert spread([]) == ""
    assert spread([0.123]) == "0.12"
    assert spread([1.0, 3.0]) == "2.00 ± 1.41"
    assert spread([1.0, 3.0], 3, is_alone=True) == "2.000"


def test_what_ran_away_is_said_and_never_arrives() -> None:
    assert spread([0.5, math.inf]) == spread([math.inf]) == "diverged"
    gone = [row("steps", 10, seed, math.inf) for seed in (0, 1)]
    near = [row("steps", 30, seed, 0.1) for seed in (0, 1)]
    back, away = lines(gone + near), lines([*gone, row("steps", 30, 0, math.inf)])
    assert convergence_budget(back[0], 0.1) == 30
    assert convergence_budget(away[0], 0.1) is None
    words = markdown(Measured(gone, FLOOR, None, [], SETTINGS))
    assert "| steps | one place | diverged |" in words
    assert "| never |" in words
