"""Inversion: up is DDIM backwards, and the way back gets exact with the steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.sampling.samplers.exact import mixture_denoiser
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.grids import Karras, Linspace
from snowmelt.sampling.samplers.inversion import decode, encode, round_trip
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sampler import Watcher
from snowmelt.sampling.samplers.thresholds import Clip

Make = Callable[..., Denoiser]
MEANS, STDS, WEIGHTS = (
    [[-0.6, 0.2], [0.5, 0.4], [0.1, -0.7]],
    [0.2, 0.3, 0.1],
    [0.5, 0.3, 0.2],
)
PROCESSES = {
    "preserving": VariancePreserving(Linear()),
    "exploding": VarianceExploding(Geometric(0.001, 20.0)),
    "no signal": VariancePreserving(ZeroTerminal(Linear())),
}
every_process = pytest.mark.parametrize("name", PROCESSES)


def data() -> Tensor:
    """Points of a mixture, float64."""
    generator = torch.Generator().manual_seed(0)
    own = torch.multinomial(torch.tensor(WEIGHTS), 12, True, generator=generator)
    spread = torch.randn(12, 2, generator=generator)
    return (torch.tensor(MEANS)[own] + torch.tensor(STDS)[own, None] * spread).double()


def fitted(process: Process, denoiser: Denoiser, x_0: Tensor) -> tuple[float, float]:
    """The order of the round trip's error in the steps, and the last error."""
    counts = [40, 80, 160]
    errors = [
        float(round_trip(denoiser, x_0, steps=count).error.square().mean().sqrt())
        for count in counts
    ]
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0], errors[-1]


@every_process
def test_a_gaussian_comes_back_with_an_error_of_the_order_of_ddim(
    name: str, gaussian_denoiser: Make
) -> None:
    process = PROCESSES[name]
    order, error = fitted(process, gaussian_denoiser(process, V()), data())
    assert order == pytest.approx(DDIM.order, abs=0.25)
    assert error < 0.05


@pytest.mark.parametrize("name", ["preserving", "exploding"])
def test_a_mixture_comes_back_with_an_error_of_the_order_of_ddim(name: str) -> None:
    process = PROCESSES[name]
    denoiser = mixture_denoiser(process, MEANS, STDS, WEIGHTS)
    order, error = fitted(process, denoiser, data())
    assert order == pytest.approx(DDIM.order, abs=0.25)
    assert error < 0.1


@every_process
def test_the_latent_of_a_gaussian_is_its_data_in_units_of_the_noise(
    name: str, gaussian_denoiser: Make
) -> None:
    # The probability flow of N(m, s^2) keeps (x - alpha m) / std.
    process, x_0 = PROCESSES[name], data()
    found = encode(gaussian_denoiser(process, V()), x_0, steps=300)
    end = torch.ones((), dtype=torch.float64)
    alpha, sigma = float(process.alpha(end)), float(process.sigma(end))
    std = math.hypot(alpha * 0.6, sigma)
    torch.testing.assert_close(
        found, alpha * 0.3 + std * (x_0 - 0.3) / 0.6, rtol=0.04, atol=0.04 * std
    )


@torch.no_grad()
def test_the_steps_up(gaussian_denoiser: Make) -> None:
    process, x_0 = VariancePreserving(Cosine()), data()
    denoiser, seen = gaussian_denoiser(process, V()), []
    found = encode(
        denoiser, x_0, steps=4, watch=lambda step, t, x: seen.append((step, float(t), x))
    )
    assert [(step, t) for step, t, _ in seen] == [
        (0, 0.0),
        (1, 0.25),
        (2, 0.5),
        (3, 0.75),
        (4, 1.0),
    ]
    assert torch.equal(seen[0][2], x_0)
    assert torch.equal(seen[-1][2], found)
    assert denoiser.net.calls == 4
    for (_, s, x_s), (_, t, x_t) in itertools.pairwise(seen):
        at, to = torch.tensor([s, t], dtype=torch.float64)
        # DDIM in y = x / alpha, r = sigma / alpha: a straight line along eps.
        r_s, r_t = (process.sigma(u) / process.alpha(u) for u in (at, to))
        y = x_s / process.alpha(at) + (r_t - r_s) * denoiser.eps(x_s, at)
        torch.testing.assert_close(x_t, process.alpha(to) * y, rtol=1e-6, atol=1e-7)


def test_the_way_back_is_ddim(gaussian_denoiser: Make) -> None:
    denoiser, index = gaussian_denoiser(), torch.arange(5)
    noise = normal((2,), seed=3, stream=Stream.SAMPLING_START, index=index)
    expected = sample(denoiser, DDIM(9), index, (2,), seed=3)
    assert torch.equal(decode(denoiser, noise, steps=9), expected)
    clipped = decode(denoiser, 4 * noise, steps=9, threshold=Clip())
    assert float(clipped.abs().max()) == 1.0


@pytest.mark.parametrize("grid", [Linspace(100), Karras()], ids=["linspace", "karras"])
def test_both_ways_go_by_the_grid(grid: Linspace | Karras, gaussian_denoiser: Make) -> None:
    denoiser, x_0, up, down = gaussian_denoiser(None, V()), data(), [], []

    def seen(times: list[float]) -> Watcher:
        return lambda step, t, x: times.append(float(t))

    latent = encode(denoiser, x_0, steps=40, grid=grid, watch=seen(up))
    found = decode(denoiser, latent, steps=40, grid=grid, watch=seen(down))
    times = grid.times(40, denoiser.process).tolist()
    assert down == [*times, 0.0]
    assert up == sorted({*times, 0.0})
    trip = round_trip(denoiser, x_0, steps=40, grid=grid)
    assert torch.equal(trip.latent, latent)
    assert torch.equal(trip.restored, found)
    expected = (found - x_0).square().mean(1).sqrt()
    torch.testing.assert_close(trip.error, expected)
    assert trip.error.shape == (12,)


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4), (3, 2, 2)])
def test_any_shape_and_no_batch(shape: tuple[int, ...], gaussian_denoiser: Make) -> None:
    index = torch.arange(6)
    x_0 = normal(shape, seed=0, stream=Stream.HELD_OUT_NOISE, index=index)
    denoiser = gaussian_denoiser(None, V())
    whole = round_trip(denoiser, x_0, steps=10)
    assert whole.restored.shape == whole.latent.shape == x_0.shape
    assert whole.restored.dtype == torch.float32
    for k in range(6):
        assert torch.equal(
            round_trip(denoiser, x_0[k : k + 1], steps=10).restored[0], whole.restored[k]
        )


def test_no_steps_and_wrong_grids_are_refused(gaussian_denoiser: Make) -> None:
    denoiser, x_0 = gaussian_denoiser(), data()
    for way in (encode, decode):
        with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
            way(denoiser, x_0, steps=0)
        with pytest.raises(ValueError, match="steps must be at most chain_steps"):
            way(denoiser, x_0, steps=20, grid=Linspace(10))
