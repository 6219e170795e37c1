"""Chains, and from points to a density and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from snowmelt.densities import KernelDensity, Picture
from snowmelt.densities.mcmc import run
from snowmelt.viz.density_gallery import random_walk_scenes
from snowmelt.viz.density_gallery.gallery_material import Material


def test_a_density_without_slope_gets_one(material: Material):
    assert random_walk_scenes.smoothed_density(material) is material.density
    hard = Picture([[0.0, 1.0], [1.0, 0.0]])
    soft = random_walk_scenes.smoothed_density(replace(material, density=hard))
    x = torch.tensor([[0.01, 0.4], [-0.5, -0.5]], dtype=torch.float64)
    assert torch.equal(hard.score(x), torch.zeros_like(x))
    assert soft.score(x)[0, 0].abs() > 1.0
    assert float(soft.std) == pytest.approx(random_walk_scenes.SOFTNESS)
    rounded = replace(material, density=Picture([[1.0, 2.0]], smoothing=0.1))
    assert random_walk_scenes.smoothed_density(rounded) is rounded.density


def test_every_kernel_moves_and_is_refused_now_and_then(material: Material):
    start = material.points[:1].expand(8, 2)
    for name, kernel in random_walk_scenes.KERNELS.items():
        chains = run(material.density, kernel, start, 100, seed=0)
        assert 0.3 < float(chains.acceptance.mean()) < 1.0, name


def test_walks_end_where_the_density_is(material: Material):
    cloud = material.points.to(torch.float64)
    density = KernelDensity(cloud, random_walk_scenes.BANDWIDTH)
    start = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    typical = float(density.log_prob(density.sample(60, seed=3)).mean())
    for kernel in (random_walk_scenes.WALK, random_walk_scenes.DRIFT):
        ends = random_walk_scenes._ends(density, kernel, start, seed=0)
        assert float(density.log_prob(ends).mean()) > typical - 0.7
        assert float(density.log_prob(start).mean()) < typical - 2.0
