from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tests.evaluation.comparison import sampled_jobs

from snowmelt.evaluation.comparison import (
    Job,
    compare,
    comparison_table,
    cost_table,
    sampling_costs,
)
from snowmelt.viz.report.comparison_files import told, write, write_costs


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


def test_samplers_have_files_of_their_own(tmp_path):
    costs = sampling_costs(sampled_jobs.jobs(), 0.05)
    files = write_costs(costs, tmp_path)
    assert [path.name for path in files] == [
        "samplers.txt",
        "samplers.csv",
        "samplers.json",
        "samplers.png",
    ]
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in write_costs(costs, tmp_path)] == before
    assert files[0].read_text() == cost_table(costs[0]) + "\n"
    (model,) = json.loads(files[2].read_text())["models"]
    assert model["reference"] == "ddpm, 1000 steps"
    with Image.open(files[3]) as picture:
        single = picture.height
    write_costs([*costs, *costs], tmp_path)
    with Image.open(files[3]) as picture:
        assert picture.height == 2 * single
    assert write_costs([], tmp_path) == []
    assert [*tmp_path.iterdir()] == [], "they would be taken for those of the last sweep"


def test_what_is_told_of_samplers_names_failures_too(tmp_path, jobs):
    found = [*sampled_jobs.jobs(), Job("9", {"sampler": "edm"}, "failed", "it broke")]
    comparison = compare(found)
    text = told(comparison, sampling_costs(found, 0.05))
    assert text.startswith("sampler")
    assert text.endswith("failed:\n  sampler=edm: it broke")
    assert told(compare(jobs), []) == comparison_table(compare(jobs))
