"""Points are measured where they are, in units of their spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from snowmelt.evaluation.features.coordinates import Coordinates
from snowmelt.evaluation.features.extractor import extract


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_features_are_standardised_coordinates(
    make_points: Callable, dimension: int
) -> None:
    data = make_points(dimension=dimension)
    found = extract(Coordinates(data.manifest), data.train, "test").astype(np.float64)
    assert found.shape == data.train.shape
    assert found.mean(axis=0) == pytest.approx(0.0, abs=1e-6)
    assert np.square(found).mean() == pytest.approx(1.0, rel=1e-5)
    ratio = (found[0] - found[1]) / (data.train[0] - data.train[1])
    assert ratio == pytest.approx(ratio[0], rel=1e-4)


def test_the_digest_names_mean_and_scale(make_points: Callable) -> None:
    manifest = make_points().manifest
    digests = {
        Coordinates(m).digest
        for m in (manifest, replace(manifest, std=9.0), replace(manifest, mean=(0.0, 0.0)))
    }
    assert len(digests) == 3
    assert Coordinates(manifest).digest == Coordinates(replace(manifest, name="x")).digest
