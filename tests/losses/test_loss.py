"""Losses of known networks, by hand; every loss under conf/loss/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.building import build
from snowmelt.denoiser import Denoiser
from snowmelt.losses import Loss, Simple
from snowmelt.predictions import X0, Eps, Prediction, V
from snowmelt.processes import VariancePreserving
from snowmelt.schedules import Cosine

FILES = sorted((Path(__file__).parents[1] / "conf" / "loss").glob("*.yaml"))
every_loss = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
SHAPES = [(2,), (1, 8, 8), (3, 4, 4)]
PROCESS = VariancePreserving(Cosine())


class Answer(nn.Module):
    """A network that is a function."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        return self.function(x, log_snr)


def batch(shape: tuple[int, ...], count: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    x_0, eps = torch.randn(2, count, *shape, generator=torch.Generator().manual_seed(0))
    return x_0, torch.linspace(0.1, 0.9, count, dtype=torch.float64), eps


def built(file: Path) -> Loss:
    return build(OmegaConf.load(file), Loss)


@every_loss
@pytest.mark.parametrize("shape", SHAPES)
def test_one_number_an_example(file: Path, shape: tuple[int, ...]) -> None:
    x_0, t, eps = batch(shape)
    denoiser = Denoiser(Answer(lambda x, log_snr: 0.1 * x), PROCESS, Eps())
    loss = built(file)(denoiser, x_0, t, eps)
    assert loss.shape == (4,)
    assert loss.isfinite().all()
    for row in range(4):
        one = slice(row, row + 1)
        alone = built(file)(denoiser, x_0[one], t[one], eps[one])
        torch.testing.assert_close(alone[0], loss[row])


@every_loss
@pytest.mark.parametrize("prediction", [Eps(), X0(), V()], ids=["eps", "x_0", "v"])
def test_the_right_answer_costs_nothing(file: Path, prediction: Prediction) -> None:
    x_0, t, eps = batch((1, 8, 8))
    alpha, sigma = (
        scale(t).float()[:, None, None, None] for scale in (PROCESS.alpha, PROCESS.sigma)
    )
    target = prediction.target(x_0, eps, alpha, sigma)
    denoiser = Denoiser(Answer(lambda x, log_snr: target), PROCESS, prediction)
    assert float(built(file)(denoiser, x_0, t, eps).abs().max()) < 1e-10


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


@every_loss
def test_the_gradient_pulls_the_answer_to_the_target(file: Path) -> None:
    x_0, t, eps = batch((2,))
    answer = nn.Parameter(torch.zeros(4, 2))
    denoiser = Denoiser(Answer(lambda x, log_snr: answer), PROCESS, Eps())
    built(file)(denoiser, x_0, t, eps).sum().backward()
    assert answer.grad is not None
    assert torch.equal(answer.grad.sign(), -eps.sign())
