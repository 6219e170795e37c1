"""Interpolants: the effective ends of a path have its place and its velocity."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from omegaconf import OmegaConf
from tests.combinations import CONF, close, double
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.interpolants import (
    BrownianBridge,
    Constant,
    Interpolant,
    Straight,
)
from snowmelt.diffusion.processes import (
    Process,
    RectifiedFlow,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock

FILES = sorted((CONF / "interpolant").glob("*.yaml"))
PROCESSES = [
    RectifiedFlow(RectifiedClock()),
    RectifiedFlow(Cosine()),
    VariancePreserving(Cosine()),
    VariancePreserving(RectifiedClock()),
    SubVariancePreserving(Linear()),
    VarianceExploding(Geometric(0.05, 20.0)),
]
T = torch.linspace(0.03, 0.97, 9, dtype=torch.float64)
every_interpolant = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
every_process = pytest.mark.parametrize(
    "process", PROCESSES, ids=lambda p: f"{type(p).__name__}-{type(p.schedule).__name__}"
)


def of(file: object) -> Interpolant:
    return build(OmegaConf.load(str(file)), Interpolant)


def ends(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x_0, x_1, z = torch.randn(3, len(T), 2, generator=generator, dtype=torch.float64)
    return x_0, 3.0 * x_1 - 1.0, z


def slope(scale: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """By central differences, which know nothing of drifts and log-SNRs."""
    h = 1e-6
    return (scale(t + h) - scale(t - h)) / (2 * h)


def test_there_are_interpolants() -> None:
    assert {"straight", "constant", "brownian_bridge"} <= {file.stem for file in FILES}


@every_interpolant
@every_process
def test_the_effective_ends_have_the_place_and_the_velocity_of_the_path(
    file: object, process: Process
) -> None:
    interpolant, (x_0, x_1, z) = of(file), ends()
    on_data, on_start = interpolant.ends(process, x_0, x_1, z, T)
    alpha, sigma = process.alpha(T)[:, None], process.sigma(T)[:, None]
    gamma = interpolant.gamma(process, T)[:, None]
    place = alpha * x_0 + sigma * x_1 + gamma * z
    close(alpha * on_data + sigma * on_start, place, rtol=1e-9, atol=1e-9)
    slopes = [
        slope(scale, T)[:, None]
        for scale in (process.alpha, process.sigma, lambda t: interpolant.gamma(process, t))
    ]
    velocity = slopes[0] * x_0 + slopes[1] * x_1 + slopes[2] * z
    found = slopes[0] * on_data + slopes[1] * on_start
    close(found, velocity, rtol=1e-5, atol=1e-5 * float(velocity.abs().max()))


@every_process
def test_a_straight_path_is_that_of_the_process(process: Process) -> None:
    x_0, x_1, z = ends()
    found = Straight().ends(process, x_0, x_1, z, T)
    assert torch.equal(found[0], x_0)
    assert torch.equal(found[1], x_1)
    assert Straight().gamma(process, T).abs().max() == 0
    assert Straight().is_straight
    assert not Constant().is_straight


def test_ends_of_a_rectified_flow_in_closed_form() -> None:
    process, (x_0, x_1, z) = RectifiedFlow(RectifiedClock()), ends()
    u = process.sigma(T)[:, None]
    moved = Constant(0.3).ends(process, x_0, x_1, z, T)
    close(moved[0], x_0 + 0.3 * z)
    close(moved[1], x_1 + 0.3 * z)
    held = BrownianBridge(0.7).ends(process, x_0, x_1, z, T)
    close(held[0], x_0 + 0.35 * (u / (1 - u)).sqrt() * z)
    close(held[1], x_1 + 0.35 * ((1 - u) / u).sqrt() * z)
    gamma = BrownianBridge(0.7).gamma(process, T)[:, None]
    close(gamma, 0.7 * (u * (1 - u)).sqrt())
    # The velocity of torchcfm's formula, whose time runs the other way.
    middle = (1 - u) * x_0 + u * x_1
    expected = x_1 - x_0 + (1 - 2 * u) / (2 * u * (1 - u)) * gamma * z
    close(held[1] - held[0], expected, rtol=1e-8)
    close((1 - u) * held[0] + u * held[1], middle + gamma * z)


def test_the_rectified_clock_is_time_but_for_its_ends() -> None:
    process = RectifiedFlow(RectifiedClock(14.0, -12.0))
    first, last = 1 / (1 + math.exp(7.0)), 1 / (1 + math.exp(-6.0))
    close(process.sigma(T), first + (last - first) * T, rtol=1e-12)
    close(slope(process.sigma, T), torch.full_like(T, last - first), rtol=1e-6)


@every_interpolant
def test_images_and_one_time_for_all(file: object) -> None:
    interpolant, process = of(file), VariancePreserving(Cosine())
    generator = torch.Generator().manual_seed(1)
    x_0, x_1, z = torch.randn(3, 4, 1, 8, 8, generator=generator)
    t = double(0.2, 0.4, 0.6, 0.8)
    found = interpolant.ends(process, x_0, x_1, z, t)
    for row, time in enumerate(t):
        rows = (part[row : row + 1] for part in (x_0, x_1, z))
        alone = interpolant.ends(process, *rows, time)
        for one, all_ in zip(alone, found, strict=True):
            assert one.dtype == torch.float32
            close(one[0], all_[row], rtol=1e-6)


def test_other_shapes_and_no_noise_are_refused() -> None:
    process, (x_0, x_1, z) = VariancePreserving(Cosine()), ends()
    with pytest.raises(ValueError, match=r"one shape, got \(9, 2\), \(9, 1\), \(9, 2\)"):
        BrownianBridge().ends(process, x_0, x_1[:, :1], z, T)
    for kind in (Constant, BrownianBridge):
        with pytest.raises(ValueError, match="std must be positive"):
            kind(0.0)
