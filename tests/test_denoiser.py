"""The denoiser against Gaussian data, for which every estimate is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.building import build
from snowmelt.denoiser import Denoiser
from snowmelt.predictions import Eps, Prediction, V
from snowmelt.processes import Process, VariancePreserving
from snowmelt.schedules import Cosine, NoiseSchedule

CONF = Path(__file__).parents[1] / "conf"
PREDICTIONS = sorted((CONF / "prediction").glob("*.yaml"))
SCHEDULES = sorted((CONF / "schedule").glob("*.yaml"))
MEAN, STD = 0.7, 0.4


class Answer(nn.Module):
    """A network that is a function, and remembers what it was shown."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        self.shown = x, log_snr
        return self.function(x, log_snr)


class Widening(Process):
    """Data at its own scale, more and more noise: a process that keeps no variance."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.exp(-0.5 * self.log_snr(t))

    def drift(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def prior_std(self) -> float:
        return float(self.sigma(torch.tensor(1.0)))


def knowing(process: Process, prediction: Prediction) -> Denoiser:
    """The exact denoiser of N(MEAN, STD^2), from the scaled state and the log-SNR alone."""

    def answer(x: Tensor, log_snr: Tensor) -> Tensor:
        share = torch.sigmoid(log_snr)[:, None]
        alpha, sigma = share.sqrt(), (1 - share).sqrt()
        variance = share * STD**2 + (1 - share)
        x_0 = MEAN + alpha * STD**2 / variance * (x - alpha * MEAN)
        eps = sigma / variance * (x - alpha * MEAN)
        return prediction.target(x_0, eps, alpha, sigma)

    return Denoiser(Answer(answer), process, prediction)


def exact(process: Process, x_t: Tensor, t: Tensor) -> dict[str, Tensor]:
    """Posterior means and the score, by automatic differentiation of the log-density."""
    alpha, sigma = process.alpha(t)[:, None], process.sigma(t)[:, None]
    x_t = x_t.clone().requires_grad_()
    marginal = torch.distributions.Normal(
        alpha * MEAN, (alpha**2 * STD**2 + sigma**2).sqrt()
    )
    (score,) = torch.autograd.grad(marginal.log_prob(x_t).sum(), x_t)
    eps = -sigma * score
    x_0 = (x_t.detach() - sigma * eps) / alpha
    return {"x_0": x_0, "eps": eps, "v": alpha * eps - sigma * x_0, "score": score}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda file: file.stem)
@pytest.mark.parametrize("file", PREDICTIONS, ids=lambda file: file.stem)
@pytest.mark.parametrize("asked", ["x_0", "eps", "v", "score"])
def test_every_estimate_of_gaussian_data_is_exact(
    asked: str, file: Path, schedule: Path
) -> None:
    process = VariancePreserving(build(OmegaConf.load(schedule), NoiseSchedule))
    denoiser = knowing(process, build(OmegaConf.load(file), Prediction))
    x_t = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None].expand(9, 2)
    t = torch.linspace(0.05, 0.95, 9, dtype=torch.float64)
    found = getattr(denoiser, asked)(x_t, t)
    torch.testing.assert_close(found, exact(process, x_t, t)[asked], rtol=1e-8, atol=1e-8)


def test_the_network_of_one_schedule_serves_another() -> None:
    x_t = torch.tensor([[0.3]], dtype=torch.float64)
    first, second = Cosine(10, -10), Cosine(8, -12)
    t = torch.tensor([0.4], dtype=torch.float64)
    # The time of the second schedule at which it has the same noise level.
    angle = first.angle_start + t * (first.angle_end - first.angle_start)
    s = (angle - second.angle_start) / (second.angle_end - second.angle_start)
    answers = [
        knowing(VariancePreserving(schedule), V()).x_0(x_t, at)
        for schedule, at in ((first, t), (second, s))
    ]
    torch.testing.assert_close(*answers, rtol=1e-9, atol=0)


def test_the_network_sees_unit_variance_and_the_log_snr() -> None:
    process = Widening(Cosine())
    net = Answer(lambda x, log_snr: x)
    generator = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, 2000, 3, generator=generator)
    t = torch.linspace(0, 1, 2000, dtype=torch.float64)
    x_t = process.perturb(x_0, t, eps)
    Denoiser(net, process, Eps())(x_t, t)
    seen, log_snr = net.shown
    assert float(seen[:200].std()) == pytest.approx(1, abs=0.1)
    assert float(seen[-200:].std()) == pytest.approx(1, abs=0.1)
    scale = (process.alpha(t) ** 2 + process.sigma(t) ** 2).sqrt()[:, None]
    torch.testing.assert_close(seen * scale.float(), x_t)
    assert log_snr.shape == (2000,)
    assert log_snr.dtype == torch.float32
    torch.testing.assert_close(log_snr, process.log_snr(t).float())


@pytest.mark.parametrize("asked", ["__call__", "x_0", "eps", "v", "score"])
@pytest.mark.parametrize("shape", [(2,), (1, 4, 4), (3, 4, 4)])
def test_one_time_for_all_is_the_same_as_one_each(
    asked: str, shape: tuple[int, ...]
) -> None:
    denoiser = Denoiser(
        Answer(lambda x, log_snr: x.tanh()), VariancePreserving(Cosine()), V()
    )
    x_t = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))
    t = torch.tensor(0.3, dtype=torch.float64)
    ask = getattr(denoiser, asked)
    found = ask(x_t, t)
    assert found.shape == x_t.shape
    assert found.dtype == torch.float32
    assert torch.equal(found, ask(x_t, t.expand(5)))


def test_an_answer_in_half_precision_goes_on_in_full() -> None:
    net = Answer(lambda x, log_snr: torch.ones_like(x, dtype=torch.bfloat16))
    process = VariancePreserving(Cosine())
    x_t, t = torch.full((1, 2), 0.5), torch.tensor(0.01)
    found = Denoiser(net, process, V()).x_0(x_t, t)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, process.alpha(t) * x_t - process.sigma(t))


def test_one_estimate_costs_one_call() -> None:
    calls = []
    net = Answer(lambda x, log_snr: calls.append(1) or x)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), Eps())
    for ask in (denoiser.x_0, denoiser.eps, denoiser.v, denoiser.score):
        calls.clear()
        ask(torch.ones(2, 2), torch.tensor(0.5))
        assert len(calls) == 1


@pytest.mark.parametrize("shape", [(2,), (3, 1)])
def test_times_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    denoiser = Denoiser(Answer(lambda x, log_snr: x), VariancePreserving(Cosine()), Eps())
    with pytest.raises(ValueError, match="time"):
        denoiser.x_0(torch.zeros(3, 2), torch.full(shape, 0.5))
