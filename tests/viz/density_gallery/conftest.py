"""Small material for the films' tests."""

from __future__ import annotations

import pytest

from snowmelt.densities import DoubleGaussian, Gaussian
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.settings import GallerySettings

SMALL = GallerySettings(
    points=40, frames=4, steps=8, cells=24, paths=3, chain_steps=12, seconds=0.5
)


@pytest.fixture
def material() -> Material:
    """Two heaps, of mean 0 and variance 1."""
    density = DoubleGaussian()
    std = float(density.covariance().diagonal().mean().sqrt())
    return Material("two_heaps", density.standardised(density.mean(), std), SMALL)


@pytest.fixture
def normal() -> Material:
    """A standard normal distribution, which no process changes that keeps the variance."""
    return Material("normal", Gaussian([0.0, 0.0], std=1.0), SMALL)
