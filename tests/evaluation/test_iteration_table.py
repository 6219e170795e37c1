"""The iterations of a fitting as text, CSV and JSON."""

from __future__ import annotations

import csv
import io

from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.evaluation.iteration_table import (
    IterationResult,
    iteration_csv,
    iteration_dict,
    iteration_table,
)

NEAR = Reading("wasserstein_2", "Wasserstein distance", 0.31, 0.02, 0.05, 0.01)
RESULTS = [
    IterationResult(1, "to the data", True, NEAR, 25.4, 30.25, 61.0, "runs/01"),
    IterationResult(2, "to the starts", False, None, 21.0, 22.5, None, "runs/02"),
]


def test_a_person_reads_a_row_an_iteration() -> None:
    heading, _, first, second = iteration_table(RESULTS).splitlines()
    for name in ("iteration", "way", "Wasserstein distance", "real data", "path energy"):
        assert name in heading
    assert first.split() == [
        *("1", "to", "the", "data", "0.310", "±", "0.020", "0.050", "±", "0.010"),
        *("25.4", "30.2", "1", "min", "1", "s"),
    ]
    assert second.split() == ["2", "to", "the", "starts", "21", "22.5"]


def test_markdown_has_the_same_cells() -> None:
    heading, _, first, _ = iteration_table(RESULTS, form="pipe").splitlines()
    assert heading.startswith("| iteration")
    assert first.count("|") == heading.count("|") == 8


def test_the_csv_has_numbers_and_empty_cells_for_what_was_not_measured() -> None:
    first, second = csv.DictReader(io.StringIO(iteration_csv(RESULTS)))
    assert first["distance"] == "0.31"
    assert first["metric"] == "wasserstein_2"
    assert first["floor"] == "0.05"
    assert (second["distance"], second["seconds"]) == ("", "")
    assert [float(row["path_energy"]) for row in (first, second)] == [30.25, 22.5]


def test_json_names_the_folders() -> None:
    found = iteration_dict(RESULTS)["iterations"]
    assert [one["folder"] for one in found] == ["runs/01", "runs/02"]
    assert found[0]["spread"] == 0.02
