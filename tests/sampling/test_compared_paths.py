"""The same starts on three ways to the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.tiny_models import points

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.sampling import compared_paths as module
from snowmelt.sampling.compared_paths import compared_paths, samplers
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Heun

TRUTH = DoubleGaussian()


MANIFEST = replace(points(), mean=(5.0, -3.0), std=2.0)


def exact(process: Process) -> Denoiser:
    return TRUTH.denoiser(process, V())


@pytest.mark.parametrize(
    "process",
    [VariancePreserving(Cosine()), VarianceExploding(Geometric(0.01, 50.0))],
    ids=lambda process: type(process).__name__,
)
def test_all_three_start_at_the_same_points_and_end_on_data(process: Process) -> None:
    found = compared_paths(exact(process), MANIFEST, seed=7)
    names = list(samplers())
    assert set(found) == {f"{n}_{part}" for n in names for part in ("times", "states")}
    starts = [found[f"{name}_states"][0] for name in names]
    np.testing.assert_array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts[0], starts[2])
    for name in names:
        times, states = found[f"{name}_times"], found[f"{name}_states"]
        assert times[0] == 1.0
        assert times[-1] == 0.0
        assert states.shape == (len(times), module.FOLLOWED, 2)
        # Both heaps of coordinate 1 lie within four standard deviations of their means.
        away = np.abs(np.abs(states[-1, :, 0] - 5.0) - 2.0 * 0.8)
        assert away.max() < 4 * 2.0 * 0.2


def test_a_path_is_that_of_the_sample_as_it_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "samplers", lambda: {"ode": Heun(5)})
    denoiser = exact(VariancePreserving(Cosine()))
    found = compared_paths(denoiser, MANIFEST, seed=7)
    index = torch.arange(module.FOLLOWED)
    x_0 = sample(denoiser, Heun(5), index, (2,), seed=7)
    expected = np.array([5.0, -3.0]) + 2.0 * x_0.numpy()
    np.testing.assert_allclose(found["ode_states"][-1], expected, rtol=1e-6)


def test_a_sampler_that_cannot_start_has_no_way() -> None:
    endless = exact(VariancePreserving(ZeroTerminal(Linear(0.1, 20.0))))
    found = compared_paths(endless, MANIFEST, seed=7)
    assert set(found) == {"chain_times", "chain_states"}


def test_states_that_are_no_numbers_are_kept_as_that() -> None:
    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
            return torch.full_like(x, float("nan"))

    denoiser = exact(VariancePreserving(Cosine()))
    denoiser.net = Broken()
    found = compared_paths(denoiser, MANIFEST, seed=7)
    assert np.isnan(found["ode_states"][-1]).all()
