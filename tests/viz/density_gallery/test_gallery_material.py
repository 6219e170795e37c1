"""What the scenes are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.densities import DoubleGaussian
from snowmelt.sampling.trajectories import Trajectory
from snowmelt.viz.density_gallery.gallery_material import (
    WALK_VARIANCE,
    Material,
    Paced,
    evenly,
    frames_of,
    paced,
)
from snowmelt.viz.density_gallery.settings import GallerySettings


def test_the_frame_holds_the_data_and_a_normal_cloud(material: Material, normal: Material):
    points = material.density.sample(4000, seed=7)
    assert (points.abs() < material.reach).all(1).to(float).mean() > 0.99
    assert material.reach < 1.3 * float(points.abs().max())
    assert 2.5 < normal.reach < 4.5
    far = DoubleGaussian(distance=10.0)
    assert replace(material, density=far).reach > 5.0


def test_the_processes_are_what_the_words_say(material: Material):
    t = torch.tensor([0.25, 0.5, 1.0], dtype=torch.float64)
    walk, pulled = material.walk, material.ornstein_uhlenbeck
    assert torch.allclose(walk.sigma(t) ** 2, WALK_VARIANCE * t, rtol=1e-3)
    assert torch.allclose(walk.diffusion_sq(t), pulled.diffusion_sq(t), rtol=1e-3)
    assert torch.equal(walk.drift(t), torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(pulled.drift(t), pulled.drift(t)[:1])
    assert pulled.drift(t)[0] < 0
    end = material.preserving.alpha(t[-1])
    assert end < 0.01
    assert torch.allclose(
        material.preserving.alpha(t) ** 2, 1 - material.preserving.sigma(t) ** 2
    )


def test_a_noisy_density_is_that_of_its_time(material: Material):
    times = torch.tensor([0.1, 0.9], dtype=torch.float64)
    found = material.noisy_densities(material.preserving, times)
    assert found.values.shape == (2, 24, 24)
    assert found.extent == material.extent
    left, right, _, _ = found.extent
    place = left + (right - left) * (torch.arange(24, dtype=torch.float64) + 0.5) / 24
    for k, t in enumerate(times):
        noisy = material.density.at(material.preserving, t)
        row = torch.stack([place, place[7].expand(24)], 1)
        assert np.allclose(found.values[k, 7], noisy.log_prob(row).exp().numpy())


def test_a_film_is_paced_and_keeps_both_ends():
    assert evenly(3).tolist() == [0.0, 0.5, 1.0]
    times = paced(5)
    assert times[0] == 0
    assert times[-1] == 1
    assert (times.diff().diff() > 0).all(), "slower close to the data"
    grid = Paced().times(4, None)
    assert torch.equal(grid, times[1:].flip(0))
    path = Trajectory(evenly(11), torch.arange(11.0)[:, None, None])
    few = frames_of(path, 3)
    assert few.times.tolist() == [0.0, 0.5, 1.0]
    assert few.states.flatten().tolist() == [0, 5, 10]
    assert len(frames_of(path, 50).times) == 11


def test_the_score_of_the_denoiser_is_that_of_the_density(material: Material):
    x, t = material.points[:5], torch.tensor(0.3, dtype=torch.float64)
    found = material.denoiser(material.preserving).score(x, t)
    truth = material.density.at(material.preserving, t).score(x)
    assert torch.allclose(found, truth, atol=1e-3)


@pytest.mark.parametrize("name", ["points", "frames", "steps", "cells", "paths", "seconds"])
def test_too_little_to_be_seen_is_refused(name: str):
    with pytest.raises(UserError, match=f"^gallery.{name} must be a.*, got 0$"):
        GallerySettings.of({name: 0})
