"""The score error: exact answers have none, and wrong ones have what they were given."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.evaluation.ground_truth.conftest import Wrong
from torch import Tensor, nn

from snowmelt.common.randomness import Stream, normal
from snowmelt.densities import DoubleGaussian, Gaussian, KernelDensity, Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import EDM, X0, Eps, Prediction, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Karras, Linear, ZeroTerminal
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.ground_truth import score_error
from snowmelt.evaluation.ground_truth.score_error import (
    LOG_SNR_LIMIT,
    ScoreComparison,
    levels,
    mean_over_times,
    uniform_times,
)
from snowmelt.evaluation.ground_truth.training_points import TrainingPoints

COSINE = VariancePreserving(Cosine())
HEAPS = DoubleGaussian()
STD = 0.7
ROUND = Gaussian([0.3, -0.1], std=STD)


def asked(
    density: Perturbable = HEAPS,
    process: Process = COSINE,
    prediction: Prediction | None = None,
    net: nn.Module | None = None,
    count: int = 200,
) -> ScoreComparison:
    """By itself the denoiser without error."""
    prediction = prediction or V()
    exact = density.denoiser(process, prediction)
    return ScoreComparison(
        denoiser=exact if net is None else Denoiser(net, process, prediction),
        density=density,
        training_points=TrainingPoints(density.sample(64, seed=8)),
        x_0=density.sample(count, seed=9),
        seed=3,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("prediction", [V(), Eps(), X0(), EDM(0.5)], ids=type)
@pytest.mark.parametrize(
    "process",
    [COSINE, VarianceExploding(Karras()), SubVariancePreserving(Linear())],
    ids=type,
)
def test_an_exact_denoiser_has_no_error_but_rounding(
    process: Process, prediction: Prediction
) -> None:
    errors = asked(process=process, prediction=prediction).errors(
        uniform_times(200), 200, 0
    )
    assert float(errors.learned.mean()) < 1e-7
    assert float(errors.training_points.mean()) > 1e-4
    times, _ = levels(process, 5)
    for t in times[1:-1]:
        assert float(asked(process=process).errors(t, 200, 1).learned.mean()) < 1e-9


@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
def test_a_constant_error_is_found(t: float) -> None:
    for added in (0.1, -0.4):
        found = asked(net=Wrong(HEAPS, added)).errors(torch.tensor(t).double(), 200, 1)
        assert found.learned.numpy() == pytest.approx(added**2, rel=1e-3)


def test_it_is_that_of_the_score_times_the_variance_of_the_noise() -> None:
    asking = asked(net=Wrong(HEAPS, 0.3), process=VarianceExploding(Cosine()))
    t = torch.tensor(0.4, dtype=torch.float64)
    eps, x_t, _, sigma = asking._noisy(torch.arange(200), t.expand(200), 1)
    score = asking.density.at(asking.denoiser.process, t).score(x_t)
    off = asking.denoiser.score(x_t, t) - score
    expected = (sigma[:, None] * off).square().mean(1)
    assert asking.errors(t, 200, 1).learned.numpy() == pytest.approx(expected, rel=1e-3)
    assert asking.errors(t, 200, 1).size.numpy() == pytest.approx(
        (sigma[:, None] * score).square().mean(1), rel=1e-3
    )
    assert asking.errors(t, 200, 1).least.numpy() == pytest.approx(
        (eps + sigma[:, None] * score).square().mean(1), rel=1e-3, abs=1e-6
    )


@pytest.mark.parametrize("t", [0.15, 0.8])
def test_the_floor_is_the_error_of_the_training_points(t: float) -> None:
    asking, time = asked(), torch.tensor(t, dtype=torch.float64)
    _, x_t, _, _ = asking._noisy(torch.arange(200), time.expand(200), 1)
    points = KernelDensity(HEAPS.sample(64, seed=8), 1e-7)
    both = [density.at(COSINE, time).score(x_t.double()) for density in (points, HEAPS)]
    expected = (COSINE.sigma(time) * (both[0] - both[1])).square().mean(1)
    assert asking.errors(time, 200, 1).training_points.numpy() == pytest.approx(
        expected, rel=1e-4
    )


class Scaled(nn.Module):
    """The exact noise, a factor too long."""

    def __init__(self, density: Perturbable, factor: float) -> None:
        super().__init__()
        self.density, self.factor = density, factor

    def forward(self, x: Tensor, log_snr: Tensor, labels: Any = None) -> Tensor:
        level = log_snr.double().reshape(-1, 1)
        scales = torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()
        eps = self.density.estimates(x.double(), *scales)[1]
        return (self.factor * eps).to(x.dtype)


def test_an_error_by_a_factor_is_found_relative_to_the_score() -> None:
    asking = asked(net=Scaled(HEAPS, 1.2), prediction=Eps())
    errors = asking.errors(uniform_times(200), 200, 0)
    assert float(errors.learned.sum() / errors.size.sum()) == pytest.approx(0.04, rel=1e-3)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_the_irreducible_loss_of_normal_data(t: float) -> None:
    time = torch.tensor(t, dtype=torch.float64)
    alpha, sigma = float(COSINE.alpha(time)), float(COSINE.sigma(time))
    found = asked(ROUND, count=4000).errors(time, 4000, 1)
    whole = alpha**2 * STD**2 + sigma**2
    assert float(found.least.mean()) == pytest.approx(alpha**2 * STD**2 / whole, rel=0.08)
    assert float(found.size.mean()) == pytest.approx(sigma**2 / whole, rel=0.08)


def test_the_loss_is_the_sum_of_error_and_irreducible_loss() -> None:
    asking, t = asked(net=Wrong(HEAPS, 0.5), count=4000), torch.tensor(0.5).double()
    eps, x_t, _, _ = asking._noisy(torch.arange(4000), t.expand(4000), 1)
    loss = (asking.denoiser.eps(x_t, t) - eps).square().mean()
    found = asking.errors(t, 4000, 1)
    parts = found.learned.mean() + found.least.mean()
    assert float(loss) == pytest.approx(float(parts), rel=0.06)


def test_the_noise_is_keyed_and_the_first_points_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking, t = asked(), torch.tensor(0.3).double()
    whole = asking.errors(t, 200, 4)
    monkeypatch.setattr(score_error, "_AT_ONCE", 30)
    parts = asking.errors(t, 110, 4)
    for name in ("least", "size", "training_points"):
        assert torch.allclose(getattr(parts, name), getattr(whole, name)[:110])
    assert not torch.allclose(asking.errors(t, 200, 5).least, whole.least)
    eps = asking._noisy(torch.arange(3), t.expand(3), 4)[0]
    place = {"seed": 3, "stream": Stream.SCORE_ERROR, "step": 4}
    assert torch.equal(eps.float(), normal((2,), index=torch.arange(3), **place))


def test_each_point_has_its_own_time() -> None:
    asking, times = asked(), uniform_times(200)
    whole = asking.errors(times, 200, 2)
    for row in (0, 70, 199):
        one = asking.errors(times[row], 200, 2)
        assert float(one.training_points[row]) == pytest.approx(
            float(whole.training_points[row])
        )
        assert float(one.least[row]) == pytest.approx(float(whole.least[row]))


@pytest.mark.parametrize(
    "process",
    [COSINE, VarianceExploding(Karras()), SubVariancePreserving(Linear())],
    ids=type,
)
def test_levels_are_equal_steps_from_noise_to_data(process: Process) -> None:
    times, log_snrs = levels(process, 7)
    assert times.dtype == torch.float64
    assert (times[0], times[-1]) == (1.0, 0.0)
    steps = log_snrs.diff()
    assert torch.allclose(steps, steps[:1].expand(6), rtol=1e-6)
    assert torch.allclose(process.log_snr(times), log_snrs)


def test_levels_stay_where_numbers_mean_something() -> None:
    times, log_snrs = levels(VariancePreserving(ZeroTerminal(Cosine())), 5)
    assert float(log_snrs[0]) == pytest.approx(-LOG_SNR_LIMIT)
    assert times[0] < 1.0
    assert log_snrs.isfinite().all()


def test_uniform_times() -> None:
    assert uniform_times(4).tolist() == [0.125, 0.375, 0.625, 0.875]


def test_a_trend_in_time_is_no_error_of_the_mean() -> None:
    count = 20_000
    noise = torch.randn(
        count, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    found = mean_over_times(noise + 50 * uniform_times(count))
    value, error = found.value, found.spread
    assert value == pytest.approx(25.0, abs=0.03)
    assert error == pytest.approx(1 / math.sqrt(count), rel=0.05)
    naive = Estimate.of_mean(noise + 50 * uniform_times(count))
    assert error is not None
    assert naive.spread > 10 * error  # type: ignore[operator]
