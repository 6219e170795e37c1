"""The same starts on three ways to the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.evaluation.plane import View
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import sample
from snowmelt.viz.run_figures import Setting, path_figure

TRUTH = DoubleGaussian()


def setting(process: Process) -> Setting:
    view = View(process, (5.0, -3.0), 2.0)
    return Setting(TRUTH.denoiser(process, V()), view, 2, TRUTH, None, 7)


@pytest.mark.parametrize(
    "process",
    [VariancePreserving(Cosine()), VarianceExploding(Geometric(0.01, 50.0))],
    ids=lambda process: type(process).__name__,
)
def test_all_three_start_at_the_same_points_and_end_on_data(process: Process) -> None:
    asked = setting(process)
    ways = {
        name: path_figure.way(asked, asked.denoiser, how)
        for name, how in path_figure.samplers().items()
    }
    assert len(ways) == 3
    starts = [way.states[0] for way in ways.values()]
    np.testing.assert_array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts[0], starts[2])
    for way in ways.values():
        assert way.times[0] == 1.0
        assert way.times[-1] == 0.0
        assert way.states.shape == (len(way.times), path_figure.FOLLOWED)
        # Both heaps of coordinate 1 lie within four standard deviations of their means.
        away = np.abs(np.abs(way.states[-1] - 5.0) - 2.0 * 0.8)
        assert away.max() < 4 * 2.0 * 0.2


def test_a_path_is_that_of_the_sample_as_it_is_seen() -> None:
    asked = setting(VariancePreserving(Cosine()))
    way = path_figure.way(asked, asked.denoiser, Heun(5))
    index = torch.arange(path_figure.FOLLOWED)
    x_0 = sample(asked.denoiser, Heun(5), index, (2,), seed=7)
    np.testing.assert_allclose(way.states[-1], 5.0 + 2.0 * x_0[:, 0].numpy(), rtol=1e-6)


def test_a_sampler_that_cannot_start_says_so() -> None:
    asked = setting(VariancePreserving(ZeroTerminal(Linear(0.1, 20.0))))
    chain, *others = (
        path_figure.way(asked, asked.denoiser, how)
        for how in path_figure.samplers().values()
    )
    assert chain.states is not None
    assert [way.note for way in others] == [path_figure.NO_SLOPE] * 2
    assert all(way.states is None for way in others)


def test_states_that_are_no_numbers_are_not_drawn() -> None:
    asked = setting(VariancePreserving(Cosine()))

    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
            return torch.full_like(x, float("nan"))

    asked.denoiser.net = Broken()
    assert path_figure.way(asked, asked.denoiser, Heun(3)).note == path_figure.WILD
