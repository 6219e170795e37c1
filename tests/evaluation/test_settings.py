"""The section `evaluation` of the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.evaluation.settings import (
    EvaluationSettings,
    ManifoldSettings,
    PointSettings,
    TruthSettings,
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"points": 1}, r"evaluation\.truth\.points must be an integer of at least 2"),
        ({"level_points": 1.5}, r"evaluation\.truth\.level_points must be"),
        ({"levels": 1}, r"evaluation\.truth\.levels must be"),
        ({"draws": 1}, r"evaluation\.truth\.draws must be"),
        ({"seed": -1}, r"evaluation\.truth\.seed must be an integer from 0"),
        (
            {"point": 3},
            r"unknown key 'evaluation\.truth\.point' \(did you mean 'points'\?\)",
        ),
    ],
)
def test_values_that_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        TruthSettings.of(changes)


@pytest.mark.parametrize("key", ["points", "level_points", "levels", "draws"])
def test_the_least_value(key: str) -> None:
    assert getattr(TruthSettings.of({key: 2}), key) == 2


@pytest.mark.parametrize(
    ("key", "least"),
    [
        ("subsets", 1),
        ("kernel_subsets", 1),
        ("kernel_subset_size", 2),
        ("score_parts", 1),
        ("seed", 0),
    ],
)
def test_bad_settings_of_samples_name_their_key(key: str, least: int) -> None:
    EvaluationSettings.of({key: least})
    with pytest.raises(UserError, match=rf"evaluation\.{key}"):
        EvaluationSettings.of({key: least - 1})


@pytest.mark.parametrize(
    ("key", "least"), [("set_size", 2), ("sets", 1), ("directions", 1), ("folds", 2)]
)
def test_bad_settings_of_points_name_their_key(key: str, least: int) -> None:
    PointSettings.of({key: least})
    with pytest.raises(UserError, match=rf"evaluation\.points\.{key}"):
        PointSettings.of({key: least - 1})


@pytest.mark.parametrize(
    ("key", "least"),
    [("precision_neighbours", 1), ("density_neighbours", 1), ("examples", 2)],
)
def test_bad_settings_of_neighbours_name_their_key(key: str, least: int) -> None:
    ManifoldSettings.of({key: least})
    with pytest.raises(UserError, match=rf"evaluation\.manifold\.{key}"):
        ManifoldSettings.of({key: least - 1})
