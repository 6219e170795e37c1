"""Schedules against diffusers' tables, and where the two are meant to differ.

diffusers keeps its tables in float32, multiplied up one by one; near the data they are
compared through the betas, where no digits are lost.
"""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from diffusers.schedulers.scheduling_ddpm import betas_for_alpha_bar
from torch import Tensor

from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import (
    Betas,
    BetaSigmoid,
    CosineBetas,
    Exponential,
    Laplace,
    LinearBetas,
    NoiseSchedule,
    Quadratic,
    ZeroTerminal,
)
from tests.parity.measured import agree

STEPS = 1000


def index_times(steps: int = STEPS) -> Tensor:
    """The times of the chain's indices 0 .. T - 1."""
    return torch.arange(1, steps + 1, dtype=torch.float64) / steps


def alpha_bar(schedule: NoiseSchedule) -> Tensor:
    return VariancePreserving(schedule).alpha(index_times()) ** 2


def test_the_chain_of_ho() -> None:
    theirs = DDPMScheduler(STEPS, beta_schedule="linear")
    ours = LinearBetas(STEPS)
    agree("linear: betas", ours.betas, theirs.betas)
    agree("linear: alpha_bar", alpha_bar(ours), theirs.alphas_cumprod)


def test_the_cosine_of_improved_ddpm() -> None:
    theirs = DDPMScheduler(STEPS, beta_schedule="squaredcos_cap_v2")
    ours = CosineBetas(STEPS)
    agree("cosine: betas", ours.betas, theirs.betas)
    agree("cosine: alpha_bar", alpha_bar(ours), theirs.alphas_cumprod)
    assert ours.clipped_betas == 1
    assert int((theirs.betas == torch.tensor(0.999)).sum()) == 1


def test_betas_given_by_the_user() -> None:
    betas = torch.linspace(0.001, 0.3, 30).tolist()
    theirs = DDPMScheduler(30, trained_betas=betas)
    found = VariancePreserving(Betas(betas)).alpha(index_times(30)) ** 2
    agree("trained_betas: alpha_bar", found, theirs.alphas_cumprod)


@pytest.mark.parametrize(
    ("name", "ours", "ends"),
    [
        ("scaled_linear", Quadratic(0.85, 12.0), (0.00085, 0.012)),
        ("scaled_linear", Quadratic(0.1, 20.0), (0.0001, 0.02)),
        ("sigmoid", BetaSigmoid(0.1, 20.0), (0.0001, 0.02)),
    ],
)
def test_the_rate_of_a_continuous_schedule_is_their_beta(
    name: str, ours: Quadratic | BetaSigmoid, ends: tuple[float, float]
) -> None:
    theirs = DDPMScheduler(STEPS, beta_schedule=name, beta_start=ends[0], beta_end=ends[1])
    # Their first beta lies at the start of the curve and their last at its end.
    u = torch.linspace(0, 1, STEPS, dtype=torch.float64)
    agree(f"{name}: betas", ours.beta(u) / STEPS, theirs.betas)
    # The chain's alpha_bar tends to the curve's as T grows: at T = 1000 to the first order.
    at = (index_times() - ours.start) / (1 - ours.start)
    curve = torch.sigmoid(ours.log_snr(at.clamp(min=0)))
    assert float((curve - theirs.alphas_cumprod).abs().max()) < 5e-3


def test_exponential() -> None:
    ours, start = Exponential(12.0), Exponential(12.0).start
    theirs = torch.cumprod(1 - betas_for_alpha_bar(STEPS, alpha_transform_type="exp"), 0)
    at = (index_times() - start) / (1 - start)
    agree("exp: alpha_bar", torch.sigmoid(ours.log_snr(at)), theirs)


def test_zero_terminal_snr() -> None:
    theirs = rescale_zero_terminal_snr(LinearBetas(STEPS).betas)
    table = torch.cumprod(1 - theirs, 0)
    # Expected: theirs keeps the table's first entry, ours the curve's value at t = 0, so
    # that the two are stretched by another factor.
    before, ours = LinearBetas(STEPS), ZeroTerminal(LinearBetas(STEPS))
    start = before.log_snr(torch.zeros((), dtype=torch.float64)).sigmoid().sqrt()
    alpha = alpha_bar(before).sqrt()
    first, last = alpha[0], alpha[-1]
    stretch = first / (first - last) * (start - last) / start
    agree("zero terminal SNR: alpha", stretch * alpha_bar(ours).sqrt(), table.sqrt())
    assert 0 < abs(float(stretch) - 1) < 1e-6
    assert float(ours.log_snr(torch.ones((), dtype=torch.float64))) == -torch.inf


# Where diffusers differs, and on purpose so does this project.


def test_expected_unscaled_betas() -> None:
    """diffusers states betas for 1000 steps and does not scale them for fewer."""
    theirs = DDPMScheduler(250, beta_schedule="linear").alphas_cumprod[-1]
    assert float(theirs) == pytest.approx(0.0799, abs=1e-3)
    ours = alpha_bar_end(LinearBetas(250))
    assert ours == pytest.approx(alpha_bar_end(LinearBetas(1000)), rel=0.2)
    assert ours < 1e-4


def alpha_bar_end(schedule: Betas) -> float:
    return float(schedule.alpha_bar[-1])


def test_expected_laplace_is_a_square_root_of_hang() -> None:
    """diffusers returns alpha where its table needs alpha_bar."""
    theirs = torch.cumprod(1 - betas_for_alpha_bar(STEPS, 1 - 1e-9, "laplace"), 0)
    ours = Laplace(mean=0.0, scale=0.5, log_snr_max=13.0, log_snr_min=-13.0)
    log_snr = ours.log_snr(ours.time(hang(index_times())))
    shares = torch.sigmoid(log_snr)
    middle = slice(10, -10)
    # Beside the square root its table is relative to the curve's own value at t = 0.
    start = torch.sigmoid(hang(torch.zeros(1, dtype=torch.float64))).sqrt()
    found = (shares.sqrt() / start)[middle]
    agree("laplace: alpha for alpha_bar", found, theirs[middle], tolerance=1e-4)
    assert float((shares - theirs)[middle].abs().max()) > 0.2


def hang(t: Tensor) -> Tensor:
    """Hang's log-SNR as diffusers writes it, with its guard at the ends."""
    side = torch.copysign(torch.ones_like(t), 0.5 - t)
    return -0.5 * side * torch.log(1 - 2 * (0.5 - t).abs() + 1e-6)


def test_expected_sigmoid_is_on_beta() -> None:
    """Their `sigmoid` acts on beta: it is our beta_sigmoid, not Jabri's."""
    theirs = DDPMScheduler(STEPS, beta_schedule="sigmoid").alphas_cumprod
    assert float(theirs[-1]) == pytest.approx(4e-5, rel=0.5)


def test_expected_float32_tables() -> None:
    """Their 1 - alpha_bar has lost digits near the data; ours has not."""
    theirs = 1 - DDPMScheduler(STEPS, beta_schedule="linear").alphas_cumprod.double()
    ours = VariancePreserving(LinearBetas(STEPS)).sigma(index_times()) ** 2
    relative = ((theirs - ours) / ours).abs()
    assert 1e-6 < float(relative.max()) < 1e-2
    assert float(relative[100:].max()) < 1e-4


def test_expected_zero_terminal_is_not_quite_zero_there() -> None:
    """DPMSolverMultistep puts 2^-24 where DDIM and ours have zero."""
    betas = LinearBetas(STEPS).betas.tolist()
    keep = {"trained_betas": betas, "rescale_betas_zero_snr": True}
    solver = DPMSolverMultistepScheduler(STEPS, **keep)
    assert float(solver.alphas_cumprod[-1]) == 2**-24
    assert abs(float(DDIMScheduler(STEPS, **keep).alphas_cumprod[-1])) < 1e-12
