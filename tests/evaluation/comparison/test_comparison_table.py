from __future__ import annotations

import csv
import io
import json

import pytest

from snowmelt.evaluation.comparison import Job, compare, comparison_table
from snowmelt.evaluation.comparison.comparison_table import comparison_csv, comparison_dict

FAILED = Job(
    "3", {"schedule": "sigmoid", "seed": 0}, "failed", "Boom: it broke\n  at line 3"
)


def jobs() -> list[Job]:
    found = [
        Job(
            str(number),
            {"schedule": schedule, "seed": seed},
            metrics={
                "frechet_distance": value,
                "frechet_distance_floor": 1.1,
                "confident_share": 0.5,
                "protocol": {"extractor": "classifier"},
            },
            protocol="p" * 64,
            seconds=30.0,
        )
        for number, (schedule, seed, value) in enumerate(
            [("linear", 0, 6.0), ("linear", 1, 6.1), ("cosine", 0, 3.0), ("cosine", 1, 3.1)]
        )
    ]
    return [*found, FAILED]


def test_table_has_aligned_columns_and_all_jobs():
    lines = comparison_table(compare(jobs())).splitlines()
    head, rule, first, second = lines[:4]
    assert head.split()[:2] == ["rank", "schedule"]
    for title, cell in (
        ("schedule", "cosine"),
        ("seeds", "2"),
        ("Frechet distance (classifier)", "3.050 ± 0.071"),
        ("floor", "1.10"),
        ("> 90 % sure", "50.0 %"),
        ("time", "30 s"),
        ("verdict", "lowest"),
    ):
        column = head.index(title)
        assert first[column:].startswith(cell)
        assert rule[column] == "-"
        assert rule[column - 1] == " "
    assert "1.98 times cosine (" in second
    assert "±: standard deviation over seeds." in lines
    assert "  schedule=sigmoid seed=0: Boom: it broke" in lines
    assert "line 3" not in "\n".join(lines)
    assert lines[-1].startswith("Cosine is better than linear (2 seeds each, paired")


def test_columns_that_nobody_fills_are_left_out():
    job = Job("a", {"schedule": "x"}, metrics={"fid": 3.0}, protocol="p")
    head = comparison_table(compare([job])).splitlines()[0]
    assert head.split() == ["rank", "setting", "seeds", "FID", "verdict"]


def test_without_a_ranking_every_row_says_so():
    changed = [
        Job(j.name, j.overrides, metrics=j.metrics, protocol=j.name) for j in jobs()[:4]
    ]
    text = comparison_table(compare(changed))
    assert text.count("not ranked") == 2
    assert text.splitlines()[-1].startswith("Not ranked: the jobs were measured under")


def test_when_all_failed_only_failures_are_told():
    text = comparison_table(compare([FAILED]))
    assert text.startswith("failed:")
    assert text.endswith("Not ranked: no job finished.")


def test_csv_has_a_line_for_each_job():
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compare(jobs())))))
    assert len(rows) == 5
    assert [row["status"] for row in rows] == ["finished"] * 4 + ["failed"]
    assert float(rows[0]["frechet_distance"]) == 3.0
    assert rows[0]["schedule"] == "cosine"
    assert rows[0]["error"] == ""
    assert rows[4]["error"] == "Boom: it broke"


def test_failed_job_of_a_setting_that_also_finished_is_told_once():
    found = [*jobs()[:4], Job("5", {"schedule": "cosine", "seed": 7}, "failed", "no")]
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compare(found)))))
    assert sorted(row["name"] for row in rows) == ["0", "1", "2", "3", "5"]


def test_json_holds_the_outcome():
    found = json.loads(json.dumps(comparison_dict(compare(jobs())), allow_nan=False))
    assert found["is_ranked"] is True
    assert [group["label"] for group in found["groups"]] == ["cosine", "linear"]
    assert found["groups"][0]["mean"] == pytest.approx(3.05)
    assert found["failed"][0]["error"] == "Boom: it broke"
