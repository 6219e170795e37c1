"""The hybrid loss: its divergence, its reconstruction term, and its gradient's reach."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from tests.diffusion.losses.networks import PREDICTIONS, Answer, Straight, answering, batch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import DiscreteVLB, Hybrid, Loss, Simple
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine

PROCESSES: list[Process] = [
    VariancePreserving(Cosine()),
    VarianceExploding(Straight(8.0, -8.0)),
    SubVariancePreserving(Cosine()),
]
every_process = pytest.mark.parametrize(
    "process", PROCESSES, ids=lambda p: type(p).__name__
)
every_prediction = pytest.mark.parametrize("name", PREDICTIONS)
STEPS, WEIGHT = 10, 0.01


def case(number: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Data, noise, a share for each coordinate, and the two times of each step."""
    x_0, _, eps = batch((3,), len(number), torch.float64)
    share = torch.rand(x_0.shape, generator=torch.Generator().manual_seed(3)).double()
    end = torch.tensor(number, dtype=torch.float64)
    return x_0, eps, share * 1.4 - 0.2, end / STEPS, (end - 1) / STEPS


def bound_of(
    loss: Hybrid, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor
) -> Tensor:
    """The part of the loss that is not simple."""
    plain = Denoiser(
        Answer(lambda x, log_snr: denoiser.net(x, log_snr).chunk(2, dim=1)[0]),
        denoiser.process,
        denoiser.prediction,
    )
    rest = loss(denoiser, x_0, t, eps) - Simple()(plain, x_0, t, eps)
    return rest / (loss.weight * loss.steps)


def std_of(process: Process, share: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """Nichol and Dhariwal's equation 15."""
    largest = process.transition_variance(s, t).log()[:, None]
    smallest = process.posterior_variance(t, s).log()[:, None]
    return torch.exp(0.5 * (share * largest + (1 - share) * smallest))


@every_process
@every_prediction
def test_the_bound_is_the_divergence_of_two_normals(process: Process, name: str) -> None:
    x_0, eps, share, t, s = case([2, 3, 6, 10])
    x_t, x_0_hat = process.perturb(x_0, t, eps), x_0 + 0.1 * torch.cos(7 * x_0)
    denoiser = answering(name, process, x_0_hat, x_t, t, share)
    found = bound_of(Hybrid(WEIGHT, STEPS), denoiser, x_0, t, eps)
    mean, variance = process.posterior(x_t, x_0, t, s)
    guessed, _ = process.posterior(x_t, x_0_hat, t, s)
    ours = Normal(guessed, std_of(process, share, t, s))
    theirs = Normal(mean, variance.sqrt().expand(mean.shape))
    torch.testing.assert_close(
        found, kl_divergence(theirs, ours).mean(1), rtol=1e-6, atol=1e-12
    )


@every_process
def test_with_no_share_it_is_the_bound_of_the_chain(process: Process) -> None:
    x_0, eps, share, t, _ = case([2, 3, 6, 10])
    x_t = process.perturb(x_0, t, eps)
    denoiser = answering("v", process, x_0 + 0.3, x_t, t, 0 * share)
    plain = answering("v", process, x_0 + 0.3, x_t, t)
    found = bound_of(Hybrid(WEIGHT, STEPS), denoiser, x_0, t, eps)
    expected = DiscreteVLB(STEPS)(plain, x_0, t, eps) / STEPS
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=0)


@every_process
@every_prediction
def test_the_first_step_is_the_density_of_the_data(process: Process, name: str) -> None:
    x_0, eps, share, t, s = case([1, 1, 1])
    x_t, x_0_hat = process.perturb(x_0, t, eps), x_0 + 0.1 * torch.cos(7 * x_0)
    denoiser = answering(name, process, x_0_hat, x_t, t, share)
    found = bound_of(Hybrid(WEIGHT, STEPS), denoiser, x_0, t, eps)
    ours = Normal(x_0_hat, std_of(process, share, t, s))
    torch.testing.assert_close(found, -ours.log_prob(x_0).mean(1), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("levels", [2, 5, 17, 256])
def test_the_first_step_of_levels_is_the_share_of_their_interval(levels: int) -> None:
    process = PROCESSES[0]
    x_0, eps, share, t, s = case([1, 1, 1, 1])
    x_0 = (x_0.clamp(-1, 1) * (levels - 1) / 2).round() * 2 / (levels - 1)
    x_0 = x_0.clamp(-1, 1) if levels % 2 else torch.where(x_0 >= 0, 1.0, -1.0).double()
    x_t, x_0_hat = process.perturb(x_0, t, eps), x_0 + 0.01
    denoiser = answering("v", process, x_0_hat, x_t, t, share)
    found = bound_of(Hybrid(WEIGHT, STEPS, levels), denoiser, x_0, t, eps)
    ours, half = Normal(x_0_hat, std_of(process, share, t, s)), 1 / (levels - 1)
    upto = torch.where(x_0 > 1 - half, 1.0, ours.cdf(x_0 + half))
    below = torch.where(x_0 < half - 1, 0.0, ours.cdf(x_0 - half))
    torch.testing.assert_close(found, -(upto - below).log().mean(1), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("levels", [None, 256])
@pytest.mark.parametrize("number", [1, 2, 10])
def test_the_bound_moves_the_variance_alone(number: int, levels: int | None) -> None:
    x_0, eps, _, t, _ = case([number, number])
    process = PROCESSES[0]
    answer = nn.Parameter(torch.full((2, 3), 0.3, dtype=torch.float64))
    raw = nn.Parameter(torch.full((2, 3), 0.4, dtype=torch.float64))
    both = Answer(lambda x, log_snr: torch.cat((answer, raw), dim=1))
    alone = Answer(lambda x, log_snr: answer)
    loss = Hybrid(WEIGHT, STEPS, levels)
    loss(Denoiser(both, process, V(), True), x_0, t, eps).sum().backward()
    found, moved = answer.grad.clone(), raw.grad.clone()
    answer.grad = None
    Simple()(Denoiser(alone, process, V()), x_0, t, eps).sum().backward()
    assert torch.equal(found, answer.grad)
    assert float(moved.abs().min()) > 0


@every_process
@pytest.mark.parametrize("number", [2, 5, 10])
def test_on_gaussian_data_the_best_variance_is_the_true_one(
    process: Process, number: int
) -> None:
    std, points = 0.8, [(1, 0), (-1, 0), (0, 1), (0, -1)]
    t = torch.full((4,), number / STEPS, dtype=torch.float64)
    s = t - 1 / STEPS
    root = math.sqrt(2)
    x_0 = torch.tensor([[p[0] * root * std] for p in points], dtype=torch.float64)
    eps = torch.tensor([[p[1] * root] for p in points], dtype=torch.float64)
    x_t = process.perturb(x_0, t, eps)
    # x_s and x_t are jointly normal: the variance of x_s that x_t leaves open.
    (a_s, s_s), (a_t, s_t) = [
        (float(process.alpha(u[0])), float(process.sigma(u[0]))) for u in (s, t)
    ]
    total_s, total_t = a_s**2 * std**2 + s_s**2, a_t**2 * std**2 + s_t**2
    shared = (a_t / a_s) * total_s
    true = total_s - shared**2 / total_t
    smallest = float(process.posterior_variance(t, s)[0])
    largest = float(process.transition_variance(s, t)[0])
    best = math.log(true / smallest) / math.log(largest / smallest)
    assert best > 0
    share = torch.full((4, 1), best, dtype=torch.float64, requires_grad=True)
    x_0_hat = a_t * std**2 / total_t * x_t
    denoiser = answering("v", process, x_0_hat, x_t, t, share)
    mean = bound_of(Hybrid(WEIGHT, STEPS), denoiser, x_0, t, eps).mean()
    assert float(mean) == pytest.approx(0.5 * math.log(true / smallest), rel=1e-6)
    mean.backward()
    assert float(share.grad.sum().abs()) < 1e-9


def test_a_first_step_does_not_change_the_others_of_its_batch() -> None:
    x_0, eps, share, t, _ = case([4, 1, 7])
    process, losses = PROCESSES[0], []
    for rows in (slice(0, 3), slice(0, 1), slice(1, 2), slice(2, 3)):
        x_t = process.perturb(x_0[rows], t[rows], eps[rows])
        denoiser = answering("v", process, x_0[rows] + 0.1, x_t, t[rows], share[rows])
        losses.append(Hybrid(1.0, STEPS)(denoiser, x_0[rows], t[rows], eps[rows]))
    torch.testing.assert_close(losses[0], torch.cat(losses[1:]))


def test_the_weight_counts_the_bound() -> None:
    x_0, eps, share, t, _ = case([1, 4])
    process = PROCESSES[0]
    x_t = process.perturb(x_0, t, eps)
    denoiser = answering("eps", process, x_0 + 0.1, x_t, t, share)
    losses = [Hybrid(weight, STEPS)(denoiser, x_0, t, eps) for weight in (0.0, 1.0, 2.0)]
    torch.testing.assert_close(losses[2] - losses[1], losses[1] - losses[0])
    plain = answering("eps", process, x_0 + 0.1, x_t, t)
    assert torch.equal(losses[0], Simple()(plain, x_0, t, eps))
    # A time between two of the chain's moves up.
    moved = Hybrid(1.0, STEPS)(denoiser, x_0, t - 0.05, eps)
    torch.testing.assert_close(moved, losses[1], rtol=1e-9, atol=0)


def test_the_data_says_how_many_levels_there_are() -> None:
    node = {"_target_": "snowmelt.losses.Hybrid", "weight": 0.001, "steps": 10}
    loss = build(node, Loss, levels=256)
    assert isinstance(loss, Hybrid)
    assert loss.levels == 256
    assert isinstance(build({"_target_": "snowmelt.losses.Simple"}, Loss, levels=4), Simple)


def test_a_network_without_a_variance_is_refused() -> None:
    x_0, eps, _, t, _ = case([4])
    process = PROCESSES[0]
    denoiser = answering("v", process, x_0, process.perturb(x_0, t, eps), t)
    with pytest.raises(ValueError, match="no learned variance"):
        Hybrid(WEIGHT, STEPS)(denoiser, x_0, t, eps)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Hybrid(weight=-1.0), "weight must be at least 0 and finite, got -1.0"),
        (
            lambda: Hybrid(weight=math.inf),
            "weight must be at least 0 and finite, got inf",
        ),
        (lambda: Hybrid(steps=0), "steps must be at least 1, got 0"),
        (lambda: Hybrid(levels=1), "levels must be at least 2, got 1"),
    ],
)
def test_refused_arguments(make: Callable[[], Loss], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
