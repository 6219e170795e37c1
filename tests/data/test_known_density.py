"""The density that the model's coordinates have."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.evaluation.ground_truth.conftest import Prepare, as_tensor, prepare

from snowmelt.common.errors import UserError
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.scaling import to_model
from snowmelt.densities import DoubleGaussian, Gaussian

__all__ = ["prepare"]  # a fixture
DOUBLE = {"_target_": "snowmelt.densities.DoubleGaussian", "size": 3}


def test_it_is_the_data_density_in_the_units_of_the_model(prepare: Prepare) -> None:
    data = prepare()
    manifest, raw = data.manifest, Gaussian([4.0, -2.0], std=3.0)
    density = known_density(manifest)
    assert density is not None
    assert manifest.std is not None
    y = as_tensor(data.held_out).double()
    x = (y - torch.tensor(manifest.mean, dtype=torch.float64)) / manifest.std
    expected = raw.log_prob(y) + 2 * math.log(manifest.std)
    assert torch.allclose(density.log_prob(x), expected, atol=1e-12)
    assert torch.allclose(density.score(x), manifest.std * raw.score(y), atol=1e-12)
    seen = to_model(as_tensor(data.held_out), manifest)
    assert torch.allclose(density.log_prob(seen.double()), expected, atol=1e-5)


def test_any_number_of_dimensions_and_of_modes(prepare: Prepare) -> None:
    manifest = prepare(DOUBLE).manifest
    density = known_density(manifest)
    assert isinstance(density, DoubleGaussian)
    assert density.size == 3
    assert manifest.std is not None
    assert float(density.variances[0, 0]) == pytest.approx((0.2 / manifest.std) ** 2)


def test_a_cloud_by_a_formula(prepare: Prepare) -> None:
    manifest = prepare().manifest
    config = {
        "_target_": "snowmelt.data.DoubleGaussian",
        "name": "heaps",
        "share": 0.25,
    }
    density = known_density(replace(manifest, config=config))
    assert isinstance(density, DoubleGaussian)
    assert density.weights.tolist() == [0.25, 0.75]


def test_what_nobody_knows(prepare: Prepare) -> None:
    manifest = prepare().manifest
    array = {
        "_target_": "snowmelt.data.Array",
        "name": "a",
        "path": "nowhere.npy",
    }
    moons = {
        "_target_": "snowmelt.data.TwoMoons",
        "name": "moons",
        "noise": 0.1,
    }
    for config in ({}, {"name": "some"}, array, moons):
        assert known_density(replace(manifest, config=config)) is None
    images = replace(manifest, kind="images", mean=None, std=None, value_range=(0, 16))
    assert known_density(images) is None


def test_a_source_that_is_refused(prepare: Prepare) -> None:
    manifest = prepare().manifest
    with pytest.raises(UserError, match="share"):
        known_density(replace(manifest, config=manifest.config | {"share": np.pi}))
