"""DDIM with eta: Ho's chain, Song's DDIM, Bayes' rule, and zero terminal SNR."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.sampling.samplers.exact import MEAN, STD, marginal, moments
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import EDM, X0, Eps, Prediction, Score, V
from snowmelt.diffusion.processes import Process, SubVariancePreserving, VariancePreserving
from snowmelt.diffusion.schedules import (
    Cosine,
    Geometric,
    Linear,
    LinearBetas,
    NoiseSchedule,
    ZeroTerminal,
)
from snowmelt.sampling.samplers.ancestral_variances import (
    FixedLarge,
    FixedSmall,
    Learned,
    Variance,
)
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.grids import Leading
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.thresholds import Clip

CONF = Path(__file__).parents[3] / "conf"
SCHEDULES = sorted((CONF / "schedule").glob("*.yaml"))
PROCESSES = sorted((CONF / "process").glob("*.yaml"))
every_schedule = pytest.mark.parametrize("file", SCHEDULES, ids=lambda file: file.stem)
every_process = pytest.mark.parametrize("file", PROCESSES, ids=lambda file: file.stem)
every_eta = pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
Make = Callable[..., Denoiser]
STEPS = 200


def built(file: Path) -> Process:
    return VariancePreserving(build(OmegaConf.load(file), NoiseSchedule))


def double(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def moves(sampler: DDIM, process: Process) -> list[tuple[Tensor, Tensor]]:
    """The steps of a sampler that start where some signal is left."""
    pairs = itertools.pairwise(sampler.times(process))
    return [(t, s) for t, s in pairs if float(process.alpha(t)) > 0]


@torch.no_grad()
@every_schedule
@every_eta
def test_each_step_is_songs_formula(
    file: Path, eta: float, gaussian_denoiser: Make
) -> None:
    process = built(file)
    denoiser, sampler = gaussian_denoiser(process), DDIM(10, eta=eta)
    x_t, z = double(0.8), double(-1.3)
    for t, s in moves(sampler, process):
        now, before = process.alpha(t) ** 2, process.alpha(s) ** 2
        eps = denoiser.eps(x_t, t)
        sigma = eta * ((1 - before) / (1 - now)).sqrt() * (1 - now / before).sqrt()
        x_0_hat = (x_t - (1 - now).sqrt() * eps) / now.sqrt()
        expected = (
            before.sqrt() * x_0_hat + (1 - before - sigma**2).sqrt() * eps + sigma * z
        )
        found = sampler.step(denoiser, x_t, t, s, z[None], {})
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


@torch.no_grad()
@every_schedule
def test_eta_1_draws_from_the_posterior(file: Path, gaussian_denoiser: Make) -> None:
    process = built(file)
    denoiser, sampler = gaussian_denoiser(process), DDIM(10, eta=1.0)
    x_t, z = double(0.8), double(-1.3)
    for t, s in moves(sampler, process):
        mean, variance = process.posterior(x_t, denoiser.x_0(x_t, t), t, s)
        expected = mean + variance.sqrt() * z
        found = sampler.step(denoiser, x_t, t, s, z[None], {})
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@every_process
@every_eta
@torch.no_grad()
def test_data_without_spread_is_found_in_any_number_of_steps(
    file: Path, eta: float, gaussian_denoiser: Make
) -> None:
    # With one known point every step of the family is exact, whatever the process.
    process = build(OmegaConf.load(file), Process, schedule=Geometric(0.01, 5.0))
    denoiser, sampler = gaussian_denoiser(process, V(), MEAN, 0.0), DDIM(5, eta=eta)
    times = sampler.times(process)
    std = float(process.sigma(times[0]))
    mean, variance = float(process.alpha(times[0])) * MEAN, std**2
    for t, s in itertools.pairwise(times):
        x, z = torch.tensor([[0.0, 1, 0], [0, 0, 1]], dtype=torch.float64)[..., None]
        out = sampler.step(denoiser, x, t, s, z[None], {}).flatten()
        a, b, c = float(out[1] - out[0]), float(out[0]), float(out[2] - out[0])
        mean, variance = a * mean + b, a**2 * variance + c**2
        assert mean == pytest.approx(float(process.alpha(s)) * MEAN, abs=1e-9)
        assert variance == pytest.approx(float(process.sigma(s)) ** 2, rel=1e-9)


@pytest.mark.parametrize(
    "prediction", [Eps(), X0(), V(), Score(), EDM(0.6)], ids=lambda p: type(p).__name__
)
@torch.no_grad()
def test_parity_with_the_discrete_chain_of_ho(
    prediction: Prediction, gaussian_denoiser: Make
) -> None:
    betas = torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64) * 1000 / STEPS
    alphas, alpha_bar = 1 - betas, torch.cumprod(1 - betas, 0)
    process = VariancePreserving(LinearBetas(STEPS))
    denoiser, sampler = gaussian_denoiser(process, prediction), DDIM(STEPS, eta=1.0)
    times = sampler.times(process)
    x, z = double(0.8), double(0.5)
    for number, (t, s) in enumerate(itertools.pairwise(times)):
        k = STEPS - 1 - number
        eps = denoiser.eps(x, t)
        mean = (x - betas[k] / (1 - alpha_bar[k]).sqrt() * eps) / alphas[k].sqrt()
        beta_tilde = (1 - alpha_bar[k - 1]) / (1 - alpha_bar[k]) * betas[k]
        found = sampler.step(denoiser, x, t, s, z[None], {})
        expected = mean + beta_tilde.sqrt() * z
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)
        x, z = found, -z
    # The step to the data: Ho's mean for k = 1, and no noise.
    t = times[-1]
    mean = (x - betas[0].sqrt() * denoiser.eps(x, t)) / alphas[0].sqrt()
    torch.testing.assert_close(sampler.last(denoiser, x, t), mean, rtol=1e-8, atol=1e-9)


def chain() -> tuple[list[float], list[float]]:
    """Betas and alpha_bar of Ho's chain, in the arithmetic of Python."""
    scale = 1000 / STEPS
    betas = [scale * (1e-4 + k / (STEPS - 1) * (0.02 - 1e-4)) for k in range(STEPS)]
    alpha_bar = list(itertools.accumulate((1 - beta for beta in betas), lambda a, b: a * b))
    return betas, alpha_bar


def exact_eps(alpha_bar: float) -> tuple[float, float]:
    """The slope and the intercept of E[eps | x] for data N(MEAN, STD^2)."""
    slope = math.sqrt(1 - alpha_bar) / (alpha_bar * STD**2 + 1 - alpha_bar)
    return slope, -slope * math.sqrt(alpha_bar) * MEAN


def start(alpha_bar: list[float]) -> tuple[float, float]:
    last = alpha_bar[-1]
    return math.sqrt(last) * MEAN, last * STD**2 + 1 - last


SHARE = 0.3
VARIANCES: list[tuple[Variance, Callable[[float, float], float]]] = [
    (FixedSmall(), lambda small, large: small),
    (FixedLarge(), lambda small, large: large),
    (Learned(), lambda small, large: large**SHARE * small ** (1 - SHARE)),
]


@pytest.mark.parametrize(("variance", "rule"), VARIANCES, ids=["small", "large", "learned"])
def test_the_moments_of_hos_chain_with_each_variance(
    variance: Variance, rule: Callable[[float, float], float], gaussian_denoiser: Make
) -> None:
    betas, alpha_bar = chain()
    mean, spread = start(alpha_bar)
    for k in range(STEPS - 1, 0, -1):
        slope, intercept = exact_eps(alpha_bar[k])
        pull = betas[k] / math.sqrt(1 - alpha_bar[k])
        keep = (1 - pull * slope) / math.sqrt(1 - betas[k])
        shift = -pull * intercept / math.sqrt(1 - betas[k])
        small = (1 - alpha_bar[k - 1]) / (1 - alpha_bar[k]) * betas[k]
        mean, spread = keep * mean + shift, keep**2 * spread + rule(small, betas[k])
    share = SHARE if variance.needs_share else None
    denoiser = gaussian_denoiser(VariancePreserving(LinearBetas(STEPS)), V(), share=share)
    found = moments(denoiser, DDIM(STEPS, eta=1.0, variance=variance))
    assert found == pytest.approx((mean, math.sqrt(spread)), rel=1e-9)


@every_eta
def test_the_moments_of_ddim_on_a_part_of_the_chain(
    eta: float, gaussian_denoiser: Make
) -> None:
    # 20 of 200 indices by the leading rule: the step before is that of the grid, not k - 1.
    _, alpha_bar = chain()
    visited = list(range(190, -1, -10))
    mean, spread = start(alpha_bar[:191])
    for k, j in itertools.pairwise(visited):
        slope, intercept = exact_eps(alpha_bar[k])
        now, before = alpha_bar[k], alpha_bar[j]
        noise = eta**2 * (1 - before) / (1 - now) * (1 - now / before)
        direction = math.sqrt(1 - before - noise)
        ratio = math.sqrt(before / now)
        keep = ratio * (1 - math.sqrt(1 - now) * slope) + direction * slope
        shift = (direction - ratio * math.sqrt(1 - now)) * intercept
        mean, spread = keep * mean + shift, keep**2 * spread + noise
    process = VariancePreserving(LinearBetas(STEPS))
    sampler = DDIM(20, eta=eta, grid=Leading(STEPS))
    found = moments(gaussian_denoiser(process, V()), sampler)
    assert found == pytest.approx((mean, math.sqrt(spread)), rel=1e-9)


def test_eta_0_uses_no_noise_and_says_so(gaussian_denoiser: Make) -> None:
    denoiser, x_t = gaussian_denoiser(), double(0.8)
    t, s = torch.tensor(0.5).double(), torch.tensor(0.4).double()
    steps = [
        DDIM(2, eta=0.0).step(denoiser, x_t, t, s, double(z)[None], {}) for z in (0, 9)
    ]
    assert torch.equal(*steps)
    assert DDIM(2, eta=0.0).draws == 0
    assert DDIM(2, eta=0.1).draws == 1


@pytest.mark.parametrize("threshold", [None, Clip()], ids=["free", "clipped"])
@every_eta
def test_the_last_step_is_the_estimate_of_the_data(
    eta: float, threshold: Clip | None, gaussian_denoiser: Make
) -> None:
    denoiser, t = gaussian_denoiser(), torch.tensor(0.1).double()
    x_t = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None]
    expected = denoiser.x_0(x_t, t)
    assert float(expected.abs().max()) > 1
    expected = expected if threshold is None else expected.clamp(-1, 1)
    found = DDIM(4, eta, threshold=threshold).last(denoiser, x_t, t)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("variance", [pair[0] for pair in VARIANCES], ids=lambda v: type(v))
def test_no_noise_is_added_on_the_last_step(
    variance: Variance, gaussian_denoiser: Make
) -> None:
    share = SHARE if variance.needs_share else None
    denoiser, states = gaussian_denoiser(share=share), []
    sampler = DDIM(6, eta=1.0, variance=variance)
    found = sample(
        denoiser,
        sampler,
        torch.arange(3),
        (2,),
        seed=0,
        watch=lambda step, t, x: states.append((t, x)),
    )
    (t, before), (end, after) = states[-2:]
    assert (float(t), float(end)) == (pytest.approx(1 / 6), 0.0)
    torch.testing.assert_close(after, denoiser.x_0(before, t))
    assert torch.equal(after, found)


@every_eta
@pytest.mark.parametrize("prediction", [Eps(), X0(), V()], ids=["eps", "x_0", "v"])
def test_clipped_data_brings_its_own_noise(
    eta: float, prediction: Prediction, gaussian_denoiser: Make
) -> None:
    process = VariancePreserving(Cosine())
    denoiser = gaussian_denoiser(process, prediction, mean=0.0, std=5.0)
    t, s = torch.tensor(0.4).double(), torch.tensor(0.3).double()
    x_t = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    x_0_hat = denoiser.x_0(x_t, t).clamp(-1, 1)
    assert x_0_hat.flatten().abs().tolist() == pytest.approx([1, 0.1, 1], abs=0.05)
    # Whatever was clipped, data and noise must still make up the state.
    eps_hat = (x_t - process.alpha(t) * x_0_hat) / process.sigma(t)
    fresh = eta**2 * process.posterior(x_t, x_0_hat, t, s)[1]
    expected = process.alpha(s) * x_0_hat + (process.sigma(s) ** 2 - fresh).sqrt() * eps_hat
    noise = torch.zeros(1, *x_t.shape).double()
    found = DDIM(4, eta, threshold=Clip()).step(denoiser, x_t, t, s, noise, {})
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_learned_step_is_clipped_like_any_other(gaussian_denoiser: Make) -> None:
    x_t = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    t, s = torch.tensor(0.4).double(), torch.tensor(0.3).double()
    found = []
    for share, variance in ((0.0, Learned()), (None, FixedSmall())):
        denoiser = gaussian_denoiser(mean=0.0, std=5.0, share=share)
        sampler = DDIM(4, 1.0, variance, threshold=Clip())
        found.append(sampler.step(denoiser, x_t, t, s, torch.ones_like(x_t)[None], {}))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("process", [VariancePreserving, SubVariancePreserving])
@pytest.mark.parametrize(
    "prediction", [X0(), V(), EDM(0.6)], ids=lambda p: type(p).__name__
)
@every_eta
def test_the_first_step_from_no_signal_at_all(
    process: type[Process], prediction: Prediction, eta: float, gaussian_denoiser: Make
) -> None:
    made = process(ZeroTerminal(Linear()))
    t, s = torch.tensor([1.0, 0.7], dtype=torch.float64)
    assert float(made.alpha(t)) == 0.0
    # Without signal the best estimate is the mean of the data, and all of x is noise.
    x_t, z = double(0.8), double(-1.3)
    expected = made.alpha(s) * MEAN
    expected = expected + made.sigma(s) * (math.sqrt(1 - eta**2) * x_t + eta * z)
    denoiser = gaussian_denoiser(made, prediction)
    found = DDIM(3, eta).step(denoiser, x_t, t, s, z[None], {})
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    if eta == 1.0:
        larger = DDIM(3, eta, FixedLarge()).step(denoiser, x_t, t, s, z[None], {})
        assert float(larger) == pytest.approx(float(made.alpha(s) * MEAN + z), abs=1e-6)


@pytest.mark.parametrize("variance", [pair[0] for pair in VARIANCES], ids=lambda v: type(v))
def test_the_moments_from_no_signal_to_data(
    variance: Variance, gaussian_denoiser: Make
) -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    share = SHARE if variance.needs_share else None
    denoiser = gaussian_denoiser(process, V(), share=share)
    sampler = DDIM(250, eta=1.0, variance=variance)
    found = moments(denoiser, sampler)
    assert found == pytest.approx(marginal(process, sampler.times(process)[-1]), abs=0.02)


@pytest.mark.parametrize("variance", [pair[0] for pair in VARIANCES], ids=lambda v: type(v))
def test_one_call_of_the_network_gives_the_mean_and_the_variance(
    variance: Variance, gaussian_denoiser: Make
) -> None:
    denoiser = gaussian_denoiser(share=SHARE if variance.needs_share else None)
    sampler = DDIM(7, eta=1.0, variance=variance)
    sample(denoiser, sampler, torch.arange(2), (2,), seed=0)
    assert denoiser.net.calls == sampler.evaluations == 7
    assert sampler.needs_learned_variance == isinstance(variance, Learned)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 5, "eta": -0.1}, "eta must lie between 0 and 1, got -0.1"),
        ({"steps": 5, "eta": 1.1}, "eta must lie between 0 and 1, got 1.1"),
        ({"steps": 5, "eta": math.nan}, "eta must lie between 0 and 1, got nan"),
        (
            {"steps": 5, "eta": 0.5, "variance": FixedLarge()},
            r"eta must be 1 with the variance FixedLarge, .*, got 0.5",
        ),
        ({"steps": 5, "variance": Learned()}, r"eta must be 1 .* Learned, .*, got 0.0"),
    ],
)
def test_refused_arguments(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DDIM(**arguments)
