"""Points drawn from any known density, labels and all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.data.sources.source import Source
from snowmelt.data.sources.toy.density_draws import Known
from snowmelt.densities import (
    DoubleGaussian,
    Gaussian,
    GaussianMixture,
    GridDensity,
    KernelDensity,
)

FULL = GaussianMixture(
    [0.5, 0.3, 0.2],
    [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]],
    [[[0.4, 0.2], [0.2, 0.3]], [[0.1, 0.0], [0.0, 0.5]], [[0.3, -0.1], [-0.1, 0.1]]],
)
MANY = torch.arange(20_000)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_any_number_of_dimensions(size: int) -> None:
    raw = Known(density=DoubleGaussian(size=size), name="k", count=30, held_out_count=10)
    read = raw.read()
    assert read.examples.shape == (40, size)
    assert read.examples.dtype == np.float32
    assert read.held_out is not None
    assert read.held_out.tolist() == [True] * 10 + [False] * 30


def test_a_component_is_a_class_and_the_points_of_a_class_are_its_own() -> None:
    source = Known(density=FULL, name="k")
    points, labels = source.draw(MANY)
    assert labels is not None
    assert source.classes == ("component 1", "component 2", "component 3")
    shares = np.bincount(labels) / len(labels)
    error = 4 * np.sqrt(shares * (1 - shares) / len(labels))
    assert (np.abs(shares - FULL.weights.numpy()) < error).all()
    for number in range(3):
        own = points[labels == number]
        covariance = FULL.axes[number] @ (
            FULL.variances[number][:, None] * FULL.axes[number].T
        )
        alone = Gaussian(FULL.means[number], covariance=covariance)
        theirs = alone.sample(len(own), seed=5).numpy()
        for direction in ([1, 0], [0, 1], [0.6, 0.8]):
            assert ks_2samp(own @ direction, theirs @ direction).pvalue > 1e-4


@pytest.mark.parametrize(
    "density",
    [
        Gaussian([0.0, 1.0], std=1.0),
        GridDensity([[1.0, 2.0], [0.0, 1.0]]),
        KernelDensity(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)), 0.1),
    ],
    ids=["one normal", "grid", "kernels"],
)
def test_what_has_no_parts_has_no_classes(density: GaussianMixture | GridDensity) -> None:
    source = Known(density=density, name="k")
    assert source.classes is None
    assert source.draw(torch.arange(5))[1] is None
    assert source.density() is density


def test_who_draws_from_the_density_does_not_get_the_points_of_the_data() -> None:
    """A floor between the data and its own copy would be zero."""
    points, _ = Known(density=FULL, name="k", seed=3).draw(torch.arange(500))
    for seed in range(6):
        own = FULL.sample(500, seed=seed, dtype=torch.float64).numpy()
        assert not np.intersect1d(points[:, 0], own[:, 0]).size


def test_the_density_tells_sources_apart() -> None:
    one, two = (Known(density=d, name="k") for d in (FULL, DoubleGaussian()))
    assert one != two
    assert one == Known(density=FULL, name="k")


def test_it_is_built_with_what_is_inside() -> None:
    node = {
        "_target_": "snowmelt.data.Known",
        "name": "k",
        "density": {"_target_": "snowmelt.densities.DoubleGaussian", "share": 0.4},
        "count": 5,
    }
    source = build(node, Source)
    assert isinstance(source, Known)
    assert source.count == 5
    assert source.density().weights.tolist() == pytest.approx([0.4, 0.6])


@pytest.mark.parametrize(
    ("density", "named"),
    [
        (None, "density must be a mapping, got None"),
        (5, "density must be a mapping, got 5"),
        ({"share": 0.3}, "_target_ '' is not a class of snowmelt"),
        ({"_target_": "snowmelt.densities.Gaussian"}, "Gaussian: mean is missing"),
        ({"_target_": "snowmelt.densities.Gaussian", "mean": [0.0]}, "either std or cov"),
        ({"_target_": "snowmelt.densities.DoubleGaussian", "size": 0}, "size must be"),
        ({"_target_": "snowmelt.schedules.Cosine"}, "is not a Perturbable"),
    ],
)
def test_half_a_density_is_refused(density: object, named: str) -> None:
    node = {"_target_": "snowmelt.data.Known", "name": "k"}
    with pytest.raises(UserError, match=named) as caught:
        build(node | {"density": density}, Source)
    assert "\n" not in str(caught.value)


def test_no_density_at_all_is_refused() -> None:
    node = {"_target_": "snowmelt.data.Known", "name": "k"}
    with pytest.raises(UserError, match="Known: density is missing"):
        build(node, Source)


def test_what_a_cloud_refuses_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.count"):
        Known(density=FULL, name="k", count=1)
