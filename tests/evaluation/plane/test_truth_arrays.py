"""What is known of a model of points, as arrays: for points of any kind, or left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import tiny_models
from tests.tiny_models import PAIR, PROCESSES, SOLID, arrays_of, generator, points

from snowmelt.common.array_files import read_arrays
from snowmelt.common.errors import PictureWarning
from snowmelt.evaluation.plane import truth_arrays
from snowmelt.sampling.generator import Generator

FILMS = {"trajectory.npz", "forward.npz"}
PLANE = {"paths.npz", "fields.npz", "densities.npz"}


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Writes the arrays of both stages; gives the names of those of evaluate."""
    tiny_models.make_few(monkeypatch)

    def run(asked: Generator, folder: str = "run", is_real: bool = True) -> set[str]:
        _, truth = arrays_of(asked, tmp_path / folder, is_real=is_real)
        return {file.name for file in truth.iterdir()}

    return run


@pytest.mark.parametrize("name", PROCESSES)
def test_a_known_density_stands_beside_a_model_of_every_process(
    name: str, evaluated: Callable[..., set[str]], tmp_path: Path
) -> None:
    assert evaluated(generator(points(config=PAIR), PROCESSES[name])) == FILMS | PLANE
    truth = tmp_path / "run/evaluation"
    for film in FILMS:
        times = read_arrays(tmp_path / "run/samples" / film)["times"]
        found = read_arrays(truth / film)
        assert found["values"].shape == (len(times), 9, 9)
        assert found["values"].dtype == np.float32
    paths = read_arrays(truth / "paths.npz")
    assert {"chain_states", "values", "extent", "limits"} <= paths.keys()
    assert paths["limits"].tolist() == paths["extent"][2:].tolist()
    learned = read_arrays(tmp_path / "run/samples/paths.npz")
    np.testing.assert_allclose(
        paths["chain_states"][0], learned["chain_states"][0], rtol=1e-5
    )  # the same starts


CASES: dict[str, tuple[dict[str, Any], bool, set[str]]] = {
    "unknown, over real points": ({}, True, PLANE),
    "unknown, a bare checkpoint": ({}, False, PLANE),
    "known, a bare checkpoint": ({"config": PAIR}, False, PLANE | {"trajectory.npz"}),
    "a line": ({"size": 1}, True, {"paths.npz"}),
    "three dimensions": ({"size": 3}, True, {"paths.npz"}),
    "three known ones": ({"size": 3, "config": SOLID}, True, {"paths.npz"} | FILMS),
}


@pytest.mark.parametrize("name", CASES)
def test_points_of_all_kinds(
    name: str, evaluated: Callable[..., set[str]], tmp_path: Path
) -> None:
    about, is_real, wanted = CASES[name]
    assert evaluated(generator(points(**about)), is_real=is_real) == wanted
    paths = read_arrays(tmp_path / "run/evaluation/paths.npz")
    assert ("chain_states" in paths) == ("config" in about)
    assert ("values" in paths) == (is_real or "config" in about)


def test_the_same_inputs_give_the_same_bytes_and_nothing_that_runs(
    evaluated: Callable[..., set[str]], tmp_path: Path
) -> None:
    asked = generator(points(config=PAIR))
    names = evaluated(asked, "once")
    assert evaluated(asked, "again") == names
    for name in names:
        one, two = (
            (tmp_path / folder / "evaluation" / name).read_bytes()
            for folder in ("once", "again")
        )
        assert one == two, name
        with np.load(tmp_path / "once/evaluation" / name, allow_pickle=False) as found:
            assert all(found[key].dtype != object for key in found), name


def test_an_array_that_fails_is_seen_and_takes_nothing_with_it(
    evaluated: Callable[..., set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(truth_arrays, "compared_fields", broken)
    with pytest.warns(PictureWarning, match="fields could not be drawn") as said:
        names = evaluated(generator(points()))
    assert names == PLANE - {"fields.npz"}
    assert "ZeroDivisionError: a defect" in str(said[0].message)


def test_a_network_that_is_told_classes(evaluated: Callable[..., set[str]]) -> None:
    assert evaluated(generator(points(), classes=2)) == PLANE
    assert torch.is_grad_enabled(), "looking at a model leaves nothing behind"
