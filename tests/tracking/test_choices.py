"""Parts are named as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project import ROOT

from snowmelt.common.instantiate import plain
from snowmelt.pipeline.config import composition
from snowmelt.tracking.choices import choices

COSINE = "snowmelt.schedules.Cosine"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "conf" / "schedule"
    folder.mkdir(parents=True)
    texts = {
        "cosine": f"_target_: {COSINE}\nhigh: 10.0\nlow: -10.0\n",
        "bounded": f"_target_: {COSINE}\nhigh: 5.0\nlow: -5.0\n",
        "linear": "_target_: snowmelt.schedules.Linear\n",
        "referring": f"_target_: {COSINE}\nhigh: ${{seed}}\nlow: -1.0\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"high": 10.0, "low": -10.0}, "cosine"),
        ({"high": 5.0, "low": -5.0}, "bounded"),
        ({"high": 5.0, "low": -7.0}, "bounded"),
        ({"high": 3, "low": -1.0}, "referring"),
    ],
)
def test_a_part_has_the_name_of_the_nearest_file(
    root: Path, values: dict[str, float], name: str
) -> None:
    config = {"schedule": {"_target_": COSINE, **values}, "seed": 3}
    assert choices(config, root) == {"schedule": name}


def test_without_a_file_the_class_gives_the_name(root: Path) -> None:
    config = {
        "schedule": {"_target_": "snowmelt.schedules.RandomWalk"},
        "prediction": {"_target_": "snowmelt.predictions.V"},
    }
    assert choices(config, root) == {"schedule": "random_walk", "prediction": "v"}
    assert choices(config, root / "nowhere") == choices(config, root)


def test_a_broken_file_is_passed_over(root: Path) -> None:
    (root / "conf/schedule/cosine.yaml").write_text(f"_target_: {COSINE}\n  high: [")
    (root / "conf/schedule/latin.yaml").write_bytes(b"\xff\xfe")
    config = {"schedule": {"_target_": COSINE, "high": 5.0, "low": -5.0}}
    assert choices(config, root) == {"schedule": "bounded"}


def test_the_parts_of_a_run_are_what_was_chosen() -> None:
    typed = ["schedule=scaled_linear", "prediction=eps", "sampler=heun", "grid=karras"]
    found = choices(plain(composition.compose(ROOT, typed, is_checked=False)), ROOT)
    expected = {
        "data": "digits",
        "schedule": "scaled_linear",
        "prediction": "eps",
        "sampler": "heun",
        "grid": "karras",
        "net": "unet",
        "features": "classifier",
    }
    assert {key: found.get(key) for key in expected} == expected
