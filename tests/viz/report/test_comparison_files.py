from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from snowmelt.evaluation.comparison import Job, compare, comparison_table
from snowmelt.viz.report.comparison_files import write


@pytest.fixture
def jobs(tmp_path):
    found = []
    for number, schedule in enumerate(["cosine", "linear"]):
        samples = tmp_path / f"{schedule}.npy"
        np.save(samples, np.full((100, 1, 8, 8), 4 * number, np.uint8))
        found.append(
            Job(
                schedule,
                {"schedule": schedule},
                metrics={"frechet_distance": 1.0 + number, "frechet_distance_spread": 0.1},
                protocol="p",
                samples=samples,
            )
        )
    return found


def test_all_forms_are_written_the_same_each_time(tmp_path, jobs):
    comparison = compare(jobs)
    files = write(comparison, tmp_path / "out", value_range=(0, 16))
    assert [path.name for path in files] == [
        "comparison.txt",
        "comparison.csv",
        "comparison.json",
        "comparison.png",
    ]
    assert files[0].read_text() == comparison_table(comparison) + "\n"
    assert json.loads(files[2].read_text())["metric"] == "frechet_distance"
    before = [path.read_bytes() for path in files]
    again = write(comparison, tmp_path / "out", value_range=(0, 16))
    assert [path.read_bytes() for path in again] == before


def test_picture_shows_the_samples_of_each_setting(tmp_path, jobs):
    *_, path = write(compare(jobs), tmp_path / "out", value_range=(0, 16))
    with Image.open(path) as picture:
        bottom = np.asarray(picture.convert("L"))[-60:]
    assert {0, 64} <= set(np.unique(bottom)), "levels 0 and 4 of 16"


def test_samples_that_are_gone_leave_the_dots(tmp_path, jobs):
    for job in jobs:
        job.samples.unlink()
    assert (write(compare(jobs), tmp_path / "out", (0, 16))[-1]).name == "comparison.png"


def test_when_all_failed_there_is_no_picture(tmp_path):
    files = write(compare([Job("a", {}, "failed", "x")]), tmp_path)
    assert [path.suffix for path in files] == [".txt", ".csv", ".json"]
