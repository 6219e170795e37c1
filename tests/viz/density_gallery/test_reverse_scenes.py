"""The ways back, the score, and the step back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from snowmelt.densities import Gaussian, GaussianMixture, Picture
from snowmelt.densities.reverse_kernel import reverse_kernel
from snowmelt.evaluation.plane.marginals import marginal
from snowmelt.evaluation.plane.plane_arrays import VectorField
from snowmelt.viz.density_gallery import reverse_scenes
from snowmelt.viz.density_gallery.gallery_material import Material


def test_the_three_ways_start_together_and_end_in_the_data(material: Material):
    small = replace(material, size=material.size.model_copy(update={"steps": 40}))
    ways = reverse_scenes.routes(small, 400)
    assert list(ways) == list(reverse_scenes.ROUTES)
    first = [way.states[0] for way in ways.values()]
    assert torch.equal(first[0], first[1])
    assert torch.equal(first[0], first[2])
    for name, way in ways.items():
        assert way.times[0] == 1
        assert way.times[-1] == 0
        assert torch.equal(way.times, ways["DDPM chain"].times), name
        left = (way.states[-1][:, 0] < -0.6).to(float).mean()
        assert left == pytest.approx(0.3, abs=0.08), name
        assert float(way.states[-1].var(0).mean()) == pytest.approx(1.0, abs=0.15), name
    rough = [float(w.states.diff(n=2, dim=0).abs().mean()) for w in ways.values()]
    assert min(rough[:2]) > 10 * rough[2], "only the ordinary equation is smooth"
    ends = [way.states[-1] for way in ways.values()]
    assert not torch.allclose(ends[0], ends[2], atol=0.1)


def test_scaled_arrows_are_longer_and_point_the_same_way():
    field = VectorField(np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, -2.0]]))
    assert np.array_equal(
        reverse_scenes.scaled(field, 3.0).vectors, [[3.0, 0.0], [0.0, -6.0]]
    )


def test_the_most_undecided_state_has_the_widest_past(material: Material):
    density = marginal(material.density, (0,))
    assert isinstance(density, GaussianMixture)
    process, t = material.preserving, torch.tensor(0.25, dtype=torch.float64)

    def spread(state: float) -> float:
        at = torch.tensor([state], dtype=torch.float64)
        kernel = reverse_kernel(density, process, at, t, torch.zeros_like(t))
        return float(kernel.covariance())

    found = reverse_scenes.most_undecided(density, process, 0.25)
    assert spread(found) >= max(spread(x) for x in np.linspace(-2, 2, 41)) * 0.98


def test_only_mixtures_have_a_reverse_kernel_to_show(material: Material):
    assert reverse_scenes.needs_mixture(material) is None
    picture = replace(material, density=Picture([[0.0, 1.0], [1.0, 0.0]]))
    assert "mixtures" in (reverse_scenes.needs_mixture(picture) or "")
    one = replace(material, density=Gaussian([0.0, 0.0], std=1.0))
    assert reverse_scenes.needs_mixture(one) is None
