"""Laws of every loss under conf/loss/, and the simple loss by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.diffusion.losses.networks import PREDICTIONS, Answer, Straight, answering, batch
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss, Simple, Weighted
from snowmelt.diffusion.predictions import X0, Eps, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, ZeroTerminal

FILES = sorted((Path(__file__).parents[3] / "conf" / "loss").glob("*.yaml"))
every_loss = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
every_prediction = pytest.mark.parametrize("name", PREDICTIONS)
SHAPES = [(2,), (1, 8, 8), (3, 4, 4)]
PROCESS = VariancePreserving(Cosine())
PROCESSES = [kind(Cosine()) for kind in (VarianceExploding, SubVariancePreserving)]


def built(file: Path) -> Loss:
    return build(OmegaConf.load(file), Loss)


WEIGHTINGS = [file for file in FILES if isinstance(built(file), Weighted)]
every_weighting = pytest.mark.parametrize("file", WEIGHTINGS, ids=lambda file: file.stem)


def shares(loss: Loss, like: Tensor) -> Tensor | None:
    """Of the smallest variance, where one is asked for."""
    return torch.zeros_like(like) if loss.needs_learned_variance else None


def cost(loss: Loss, name: str, process: Process, t: Tensor, miss: float = 0.3) -> Tensor:
    """What an estimate of the data costs that is off by `miss` everywhere."""
    x_0, _, eps = batch((2, 3), len(t), t.dtype)
    x_t = process.perturb(x_0, t, eps)
    share = shares(loss, x_0)
    denoiser = answering(name, process, x_0 + miss, x_t, t, share)
    return loss(denoiser, x_0, t, eps)


@every_loss
@pytest.mark.parametrize("shape", SHAPES)
def test_one_number_an_example(file: Path, shape: tuple[int, ...]) -> None:
    x_0, t, eps = batch(shape)
    loss = built(file)
    halves = 2 if loss.needs_learned_variance else 1
    net = Answer(lambda x, log_snr: 0.1 * torch.cat([x] * halves, dim=1))
    denoiser = Denoiser(net, PROCESS, Eps(), loss.needs_learned_variance)
    losses = loss(denoiser, x_0, t, eps)
    assert losses.shape == (4,)
    assert losses.dtype == x_0.dtype
    assert losses.isfinite().all()
    for row in range(4):
        one = slice(row, row + 1)
        alone = loss(denoiser, x_0[one], t[one], eps[one])
        torch.testing.assert_close(alone[0], losses[row])


@every_loss
@every_prediction
def test_the_right_answer_costs_nothing(file: Path, name: str) -> None:
    t = torch.tensor([0.1, 0.4, 0.9], dtype=torch.float64)
    assert float(cost(built(file), name, PROCESS, t, miss=0.0).abs().max()) < 1e-10


@every_weighting
@every_prediction
@pytest.mark.parametrize("process", PROCESSES, ids=["exploding", "sub-vp"])
def test_a_weighting_is_one_whatever_is_predicted(
    file: Path, name: str, process: Process
) -> None:
    loss = built(file)
    t = torch.tensor([0.05, 0.3, 0.6, 0.95], dtype=torch.float64)
    expected = cost(loss, "x_0", process, t)
    torch.testing.assert_close(cost(loss, name, process, t), expected, rtol=1e-8, atol=0)
    # It is a function of the noise level alone, unless it integrates along the process.
    same = VariancePreserving(process.schedule)
    moved = process.time(same.log_snr(t))
    if "vlb" not in file.stem:
        moved_cost = cost(loss, name, process, moved)
        torch.testing.assert_close(moved_cost, cost(loss, name, same, t), rtol=1e-6, atol=0)


@every_loss
@every_prediction
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_extremes_are_finite(file: Path, name: str, dtype: torch.dtype) -> None:
    t = torch.tensor([0.0, 1e-6, 1e-3, 0.5, 0.999, 1.0], dtype=torch.float64)
    loss, process = built(file), VariancePreserving(Straight(30.0, -30.0))
    x_0, _, eps = batch((2, 3), len(t), dtype)
    halves = 2 if loss.needs_learned_variance else 1
    net = Answer(lambda x, log_snr: 0.1 * torch.cat([x] * halves, dim=1))
    denoiser = Denoiser(net, process, PREDICTIONS[name], loss.needs_learned_variance)
    for times in (t, t.to(dtype)):
        assert loss(denoiser, x_0, times, eps).isfinite().all()


@every_loss
@pytest.mark.parametrize("name", ["x_0", "v", "edm"])
def test_no_signal_at_all_is_finite(file: Path, name: str) -> None:
    t = torch.tensor([0.0, 0.5, 1 - 1e-9, 1.0], dtype=torch.float64)
    loss, process = built(file), VariancePreserving(ZeroTerminal(Cosine()))
    x_0, _, eps = batch((2, 3), len(t))
    halves = 2 if loss.needs_learned_variance else 1
    answer = nn.Parameter(torch.zeros(len(t), 2 * halves, 3))
    net = Answer(lambda x, log_snr: answer)
    denoiser = Denoiser(net, process, PREDICTIONS[name], loss.needs_learned_variance)
    losses = loss(denoiser, x_0, t, eps)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert answer.grad is not None
    assert answer.grad.isfinite().all()


@every_loss
def test_the_gradient_pulls_the_answer_to_the_target(file: Path) -> None:
    x_0, t, eps = batch((2,))
    loss = built(file)
    answer = nn.Parameter(torch.zeros(4, 2))
    share = shares(loss, answer)
    both = [answer] if share is None else [answer, share]
    net = Answer(lambda x, log_snr: torch.cat(both, dim=1))
    loss(
        Denoiser(net, PROCESS, Eps(), loss.needs_learned_variance), x_0, t, eps
    ).sum().backward()
    assert answer.grad is not None
    assert torch.equal(answer.grad.sign(), -eps.sign())


def test_what_each_loss_asks_for() -> None:
    asks = {file.stem: built(file) for file in FILES}
    assert [name for name in asks if asks[name].needs_learned_variance] == ["hybrid"]
    assert [name for name in asks if asks[name].trains_schedule] == ["vlb"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_silent_network_pays_the_square_of_the_target(shape: tuple[int, ...]) -> None:
    x_0, t, eps = batch(shape)
    silent = Answer(lambda x, log_snr: torch.zeros_like(x))
    alpha, sigma = (scale(t).float()[:, None] for scale in (PROCESS.alpha, PROCESS.sigma))
    flat_0, flat_eps = x_0.flatten(1), eps.flatten(1)
    targets = {Eps(): flat_eps, X0(): flat_0, V(): alpha * flat_eps - sigma * flat_0}
    for prediction, target in targets.items():
        loss = Simple()(Denoiser(silent, PROCESS, prediction), x_0, t, eps)
        expected = torch.stack([(row * row).sum() / row.numel() for row in target])
        torch.testing.assert_close(loss, expected)


def test_a_known_answer_by_hand() -> None:
    # The network repeats its input, so for eps it is off by x_t - eps.
    x_0 = torch.tensor([[1.0, -2.0], [0.5, 0.0]])
    eps = torch.tensor([[0.3, 0.7], [-1.0, 2.0]])
    t = torch.tensor([0.2, 0.8], dtype=torch.float64)
    loss = Simple()(Denoiser(Answer(lambda x, log_snr: x), PROCESS, Eps()), x_0, t, eps)
    for row in range(2):
        alpha, sigma = float(PROCESS.alpha(t[row])), float(PROCESS.sigma(t[row]))
        errors = [
            alpha * float(x_0[row, place]) + (sigma - 1) * float(eps[row, place])
            for place in range(2)
        ]
        assert float(loss[row]) == pytest.approx(sum(e * e for e in errors) / 2, rel=1e-5)


def test_the_network_is_told_the_level_of_each_example() -> None:
    x_0, t, eps = batch((2,))
    told = []
    net = Answer(lambda x, log_snr: told.append(log_snr) or x)
    Simple()(Denoiser(net, PROCESS, Eps()), x_0, t, eps)
    assert len(told) == 1
    torch.testing.assert_close(told[0], PROCESS.log_snr(t).float())
