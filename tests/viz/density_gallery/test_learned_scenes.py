"""A learned denoiser beside the exact one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric
from snowmelt.evaluation.plane.view import View
from snowmelt.sampling.trajectories import Trajectory
from snowmelt.viz.density_gallery import learned_scenes
from snowmelt.viz.density_gallery.gallery_material import Material


def test_a_perfect_model_does_what_the_exact_one_does(material: Material, tmp_path: Path):
    process = VarianceExploding(Geometric(0.02, 20.0))
    perfect = material.density.denoiser(process, V())
    told = replace(material, learned=perfect)
    assert learned_scenes.pair(told)["exact"].process is process
    learned_scenes.draw_learned_reverse(told, tmp_path)
    learned_scenes.draw_learned_score(told, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "learned_reverse.gif",
        "learned_reverse.png",
        "learned_score.png",
    ]
    strip = np.asarray(Image.open(tmp_path / "learned_reverse.png").convert("RGB"))
    rows = np.split(strip, 4)
    below = len(rows[0]) // 5  # the titles
    assert np.array_equal(rows[0][below:], rows[1][below:])
    assert np.array_equal(rows[2][below:], rows[3][below:])
    assert not np.array_equal(rows[0][below:], rows[2][below:])


def test_what_is_too_much_is_told(material: Material):
    process = VariancePreserving(Cosine())
    moved = material.density.standardised([0.5, 0.0], 1.0)
    told = replace(material, learned=moved.denoiser(process, V()))
    t = torch.tensor(0.9, dtype=torch.float64)
    exact, found, too_much = learned_scenes.compared(told, t)
    places = torch.from_numpy(exact.points)
    truth = material.density.at(process, t).score(places).numpy()
    wrong = moved.at(process, t).score(places).numpy()
    assert np.allclose(exact.vectors, truth)
    assert np.allclose(found.vectors, wrong, atol=1e-3)
    assert np.allclose(too_much.vectors, wrong - truth, atol=1e-3)


def test_states_that_grew_are_shrunk_each_by_its_own_time():
    process = VarianceExploding(Geometric(0.02, 20.0))
    times = torch.tensor([1.0, 0.0], dtype=torch.float64)
    path = Trajectory(times, torch.tensor([[[20.0, 0.0]], [[1.0, 1.0]]]))
    found = learned_scenes.seen(path, View(process))
    assert found[0, 0, 0] == pytest.approx(1.0, abs=0.01)
    assert found[1, 0].tolist() == pytest.approx([1.0, 1.0], abs=0.01)


def test_without_a_model_there_is_nothing_to_tell(material: Material):
    assert learned_scenes.has_none(material) == ""
    model = material.denoiser(material.preserving)
    assert learned_scenes.has_none(replace(material, learned=model)) is None
