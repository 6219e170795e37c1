"""The energy and straightness of paths, where both are known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close
from torch import Tensor, nn

from snowmelt.densities import CoupledMixture, Gaussian
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import Process, RectifiedFlow, VariancePreserving
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.evaluation.transport.flow_paths import (
    FlowPaths,
    PathMeter,
    followed,
    normalised_path_energy,
    straightened,
)
from snowmelt.sampling.samplers import DDIM, Euler, EulerMaruyama, Heun

STRAIGHT = RectifiedFlow(RectifiedClock())
CURVED = VariancePreserving(RectifiedClock())
INDEX = torch.arange(500)
SHIFT = torch.tensor([3.0, -1.0])


def starts(index: Tensor, seed: int = 0) -> Tensor:
    """Points of N((1, 0), 1), float32."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(1000, 2, generator=generator)[index] + torch.tensor([1.0, 0.0])


class Known(Denoiser):
    """The flow of an interpolant without noise, by its two exact means."""

    def __init__(self, process: Process, ends: object) -> None:
        super().__init__(nn.Identity(), process, Flow())
        self.start, self.has_score, self.ends = starts, False, ends

    def estimates(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.ends(x_t, t)


def shifted(process: Process) -> Denoiser:
    """Every start goes to its own place plus a vector: straight and optimal."""

    def ends(x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
        x_1 = (x_t - alpha * SHIFT) / (alpha + sigma)
        return x_1 + SHIFT, x_1

    return Known(process, ends)


def of_law(law: CoupledMixture, process: Process) -> Denoiser:
    def ends(x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        x_0, x_1, _ = law.estimates(x_t, process, Straight(), t)
        return x_0.to(x_t.dtype), x_1.to(x_t.dtype)

    return Known(process, ends)


@pytest.mark.parametrize("process", [STRAIGHT, CURVED])
def test_a_straight_path_has_the_energy_of_its_ends(process: Process) -> None:
    paths = followed(shifted(process), DDIM(30, eta=0.0), INDEX, (2,), seed=0)
    begun = starts(INDEX).double()
    close(paths.starts, begun)
    close(paths.ends, begun + SHIFT.double(), rtol=0, atol=1e-2)
    close(paths.energies, torch.full_like(paths.energies, 10.0), rtol=1e-2)
    assert paths.bends.abs().max() < 1e-2
    assert normalised_path_energy(paths.energies, 10.0) < 1e-2


def test_eulers_sum_is_that_of_its_velocities() -> None:
    """Along a crooked flow, and with the straightness by its own formula."""
    law = CoupledMixture.independent(
        Gaussian([2.0, 1.0], std=0.5), Gaussian([1.0, 0.0], std=1.0)
    )
    flow, sampler = of_law(law, STRAIGHT), Euler(20)
    velocities: list[Tensor] = []

    def ends(x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        found = flow.estimates(x_t, t)
        velocities.append((found[1] - found[0]).double())
        return found

    paths = followed(Known(STRAIGHT, ends), sampler, INDEX, (2,), seed=0)
    moved = torch.stack(velocities)
    close(paths.energies, moved.square().sum(-1).mean(0), rtol=2e-2)
    straight = (paths.starts - paths.ends - moved).square().sum(-1).mean(0)
    close(paths.bends.mean(), straight.mean(), rtol=5e-2)
    assert paths.bends.mean() > 0.05 * paths.costs.mean()


@pytest.mark.parametrize("process", [STRAIGHT, CURVED])
def test_the_energy_of_a_crooked_flow_between_normal_laws(process: Process) -> None:
    r"""Of independent N(m, a^2) and N(0, 1) the flow is linear: by quadrature of
    $v = m + \dot s z$ with $s(u)^2 = (1-u)^2 a^2 + u^2$, the same on every clock."""
    a, m = 0.3, 2.0
    law = CoupledMixture.independent(
        Gaussian([1.0 + m, 0.0], std=a), Gaussian([1.0, 0.0], std=1.0)
    )
    paths = followed(of_law(law, process), Heun(400), INDEX, (2,), seed=0)
    u = torch.linspace(0.0, 1.0, 20_001, dtype=torch.float64)
    slope = (u - (1 - u) * a**2) / ((1 - u) ** 2 * a**2 + u**2).sqrt()
    z = paths.starts - torch.tensor([1.0, 0.0])
    bend = torch.trapezoid(slope.square(), u)
    # E|v|^2 for each start: (m e_1 - z slope)^2, whose cross term is z_1 (1 - a).
    energies = m**2 - 2 * m * z[:, 0] * (1 - a) + bend * z.square().sum(1)
    close(paths.energies, energies, rtol=0, atol=0.03)
    costs = m**2 - 2 * m * z[:, 0] * (1 - a) + (1 - a) ** 2 * z.square().sum(1)
    close(paths.costs, costs, rtol=0, atol=0.03)
    assert (paths.bends > -1e-9).all()
    squared = m**2 + 2 * (1 - a) ** 2  # W2^2 of the two laws
    expected = abs(float(paths.energies.mean()) - squared) / squared
    assert normalised_path_energy(paths.energies, squared) == pytest.approx(expected)
    excess = 2 * (float(bend) - (1 - a) ** 2) / squared
    assert expected == pytest.approx(excess, abs=0.1)


def test_a_state_that_is_corrected_in_place_counts_once() -> None:
    meter, x = PathMeter(STRAIGHT), torch.zeros(1, 1)
    for t, place in ((1.0, 0.0), (0.5, 9.0), (0.5, 1.0), (0.0, 7.0), (0.0, 3.0)):
        meter(0, torch.tensor(t, dtype=torch.float64), x + place)
    paths = meter.paths()
    close(paths.energies, torch.tensor([1.0 / 0.5 + 4.0 / 0.5], dtype=torch.float64))
    close(meter.paths().energies, paths.energies)
    close(paths.costs, torch.tensor([9.0], dtype=torch.float64))


def test_paths_are_listened_to_and_joined() -> None:
    heard: list[tuple[float, Tensor]] = []
    paths = followed(
        shifted(STRAIGHT), Euler(4), INDEX[:3], (2,), seed=0,
        listen=lambda u, y: heard.append((u, y)),
    )  # fmt: skip
    assert [u for u, _ in heard] == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0], abs=1e-3)
    close(heard[0][1], paths.starts)
    close(heard[-1][1], paths.ends)
    both = FlowPaths.joined([paths, paths])
    assert both.energies.shape == (6,)
    close(both.ends[3:], paths.ends)


def test_every_interpolant_without_noise_is_straight_in_its_coordinates() -> None:
    x_0, x_1 = torch.tensor([[1.0, 2.0]]), torch.tensor([[-3.0, 0.5]])
    for process in (STRAIGHT, CURVED):
        for time in (0.2, 0.7):
            t = torch.tensor(time, dtype=torch.float64)
            x = process.alpha(t) * x_0 + process.sigma(t) * x_1
            u, y = straightened(process, t, x)
            close(y, (1 - u) * x_0.double() + u * x_1.double(), rtol=1e-6)
    assert math.isclose(
        straightened(STRAIGHT, torch.tensor(0.3), x_0)[0], 0.3, abs_tol=1e-3
    )


def test_noise_and_no_distance_are_refused() -> None:
    with pytest.raises(ValueError, match=r"EulerMaruyama adds noise.*such as Euler"):
        followed(shifted(STRAIGHT), EulerMaruyama(4), INDEX, (2,), seed=0)
    with pytest.raises(ValueError, match="squared_distance must be positive, got 0"):
        normalised_path_energy(torch.ones(2), 0.0)
    meter = PathMeter(STRAIGHT)
    meter(0, torch.tensor(1.0), torch.zeros(1, 1))
    with pytest.raises(ValueError, match="have not come to the data"):
        meter.paths()
