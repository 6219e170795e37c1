"""Every prediction under conf/prediction/: the way there and back, and what each one is."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.combinations import PREDICTIONS, close, every_prediction, prediction_of
from torch import Tensor

from snowmelt.densities import Gaussian
from snowmelt.diffusion.predictions import EDM, X0, Eps, Flow, Prediction, Score, V

quick = settings(deadline=None, max_examples=40, derandomize=True, database=None)
values = st.floats(-3.0, 3.0)
# On the unit circle, from a log-SNR of about +9 to about -9.
angles = st.floats(0.01, math.pi / 2 - 0.01)


def double(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def scales(angle: float) -> tuple[Tensor, Tensor]:
    return double(math.cos(angle)), double(math.sin(angle))


def test_there_are_predictions() -> None:
    assert {"eps", "x_0", "v", "score", "edm", "flow"} <= {
        file.stem for file in PREDICTIONS
    }


# ---- laws of all of them


@every_prediction
@quick
@given(x_0=values, eps=values, angle=angles)
def test_the_target_gives_back_what_it_was_made_of(
    prediction: Path, x_0: float, eps: float, angle: float
) -> None:
    ask, at = prediction_of(prediction), scales(angle)
    x = at[0] * x_0 + at[1] * eps
    target = ask.target(double(x_0), double(eps), *at)
    assert float(ask.x_0(target, x, *at)) == pytest.approx(x_0, abs=1e-9)
    assert float(ask.eps(target, x, *at)) == pytest.approx(eps, abs=1e-9)


@every_prediction
@quick
@given(output=values, x=values, angle=angles)
def test_both_estimates_make_up_the_noisy_state(
    prediction: Path, output: float, x: float, angle: float
) -> None:
    ask, at = prediction_of(prediction), scales(angle)
    x_0_hat = ask.x_0(double(output), double(x), *at)
    eps_hat = ask.eps(double(output), double(x), *at)
    assert float(at[0] * x_0_hat + at[1] * eps_hat) == pytest.approx(x, abs=1e-9)
    assert float(ask.target(x_0_hat, eps_hat, *at)) == pytest.approx(output, abs=1e-6)


@pytest.mark.parametrize(
    "files",
    list(itertools.permutations(PREDICTIONS, 2)),
    ids=lambda files: "-".join(file.stem for file in files),
)
@quick
@given(output=values, x=values, angle=angles)
def test_one_answer_becomes_another_and_back(
    files: tuple[Path, Path], output: float, x: float, angle: float
) -> None:
    at = scales(angle)
    first, second = map(prediction_of, files)

    def carried(answer: Tensor, from_: Prediction, to: Prediction) -> Tensor:
        estimates = (ask(answer, double(x), *at) for ask in (from_.x_0, from_.eps))
        return to.target(*estimates, *at)

    there = carried(double(output), first, second)
    assert float(carried(there, second, first)) == pytest.approx(output, abs=1e-6)
    # And both mean the same data and noise.
    for ask in ("x_0", "eps"):
        one = getattr(first, ask)(double(output), double(x), *at)
        other = getattr(second, ask)(there, double(x), *at)
        assert float(one) == pytest.approx(float(other), rel=1e-8, abs=1e-8)


@every_prediction
def test_the_slope_of_the_data_is_its_derivative(prediction: Path) -> None:
    ask = prediction_of(prediction)
    angle = torch.linspace(0.01, 1.56, 50, dtype=torch.float64)
    alpha, sigma = angle.cos(), angle.sin()
    output = torch.full_like(angle, 0.3, requires_grad=True)
    x_0 = ask.x_0(output, torch.full_like(angle, -0.8), alpha, sigma)
    (slope,) = torch.autograd.grad(x_0.sum(), output)
    close(ask.x_0_slope(alpha, sigma).expand_as(slope), slope, rtol=1e-12)
    # The data and the noise share x: one slope gives the other.
    eps = ask.eps(output, torch.full_like(angle, -0.8), alpha, sigma)
    (other,) = torch.autograd.grad(eps.sum(), output)
    close(alpha * slope + sigma * other, torch.zeros_like(angle), atol=1e-12)


@every_prediction
@pytest.mark.parametrize("shape", [(4, 2), (4, 1, 8, 8), (4, 3, 5, 5)])
def test_one_scale_an_example(prediction: Path, shape: tuple[int, ...]) -> None:
    ask = prediction_of(prediction)
    x_0, eps = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    angle = torch.linspace(0.2, 1.3, 4).reshape(-1, *[1] * (len(shape) - 1))
    alpha, sigma = angle.cos(), angle.sin()
    x = alpha * x_0 + sigma * eps
    target = ask.target(x_0, eps, alpha, sigma)
    assert target.shape == shape
    assert ask.input_scale(alpha, sigma).shape == alpha.shape
    close(ask.x_0(target, x, alpha, sigma), x_0, rtol=0, atol=1e-5)
    close(ask.eps(target, x, alpha, sigma), eps, rtol=0, atol=1e-5)


@every_prediction
def test_only_those_that_say_so_need_signal(prediction: Path) -> None:
    ask = prediction_of(prediction)
    none, all_ = double(0.0), double(1.0)
    x_0 = ask.x_0(double(0.4), double(-0.9), none, all_)
    assert bool(x_0.isfinite()) != ask.needs_signal
    assert bool(ask.x_0_slope(none, all_).isfinite()) != ask.needs_signal
    assert ask.eps(double(0.4), double(-0.9), none, all_).isfinite()


@every_prediction
def test_gradients_reach_the_scales(prediction: Path) -> None:
    # A learned schedule is trained through them.
    ask = prediction_of(prediction)
    x_0, eps = double(0.3), double(-1.1)

    def target(angle: Tensor) -> Tensor:
        return ask.target(x_0, eps, angle.cos(), angle.sin())

    assert torch.autograd.gradcheck(target, double(0.8).requires_grad_())


# ---- what each of them is


def test_targets_are_what_they_are_called() -> None:
    x_0, eps, alpha, sigma = double(0.3), double(-1.1), double(0.8), double(0.6)
    assert torch.equal(Eps().target(x_0, eps, alpha, sigma), eps)
    assert torch.equal(X0().target(x_0, eps, alpha, sigma), x_0)
    assert torch.equal(Flow().target(x_0, eps, alpha, sigma), eps - x_0)
    v = 0.8 * -1.1 - 0.6 * 0.3
    assert float(V().target(x_0, eps, alpha, sigma)) == pytest.approx(v)
    assert float(Score().target(x_0, eps, alpha, sigma)) == pytest.approx(1.1 / 0.6)
    for ask in (Eps(), X0(), V(), Score()):
        assert float(ask.input_scale(alpha, sigma)) == 1.0


@pytest.mark.parametrize("angle", [0.1, 0.7, 1.4])
def test_v_is_the_velocity_along_the_circle(angle: float) -> None:
    # x = cos(angle) x_0 + sin(angle) eps, and v is its derivative by the angle.
    x_0, eps, h = 0.3, -1.1, 1e-6

    def x_at(at: float) -> float:
        return math.cos(at) * x_0 + math.sin(at) * eps

    slope = (x_at(angle + h) - x_at(angle - h)) / (2 * h)
    found = V().target(double(x_0), double(eps), *scales(angle))
    assert float(found) == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("ask", [V(), EDM(0.5)], ids=["v", "edm"])
def test_both_ends_are_well_posed(ask: Prediction) -> None:
    one, zero, x, output = double(1.0), double(0.0), double(0.4), double(-0.9)
    assert float(ask.x_0(output, x, one, zero)) == pytest.approx(0.4)
    assert float(ask.eps(output, x, zero, one)) == pytest.approx(0.4)
    # At the other end each is the output alone, up to its sign and scale.
    sign, spread = (1, 1) if isinstance(ask, V) else (-1, 0.5)
    assert float(ask.eps(output, x, one, zero)) == pytest.approx(sign * -0.9)
    assert float(ask.x_0(output, x, zero, one)) == pytest.approx(sign * spread * 0.9)


def test_the_score_is_the_slope_of_the_log_density() -> None:
    data = Gaussian([0.7, -0.2], std=[0.4, 1.3])
    x = torch.linspace(-2, 2, 10, dtype=torch.float64).reshape(5, 2).requires_grad_()
    for angle in (0.05, 0.8, 1.5):
        alpha, sigma = scales(angle)
        spread = (alpha**2 * data.variances + sigma**2).sqrt()
        noisy = torch.distributions.Normal(alpha * data.means, spread)
        (score,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
        x_0, eps = data.estimates(x.detach(), alpha, sigma)
        close(Score().target(x_0, eps, alpha, sigma), score, rtol=1e-9)
        close(Score().x_0(score, x.detach(), alpha, sigma), x_0, rtol=1e-9, atol=1e-12)


# ---- Karras's preconditioning, in the terms of table 1: alpha = 1 and sigma the ratio


@quick
@given(
    output=values,
    y=values,
    noise=values,
    log_ratio=st.floats(-6.0, 5.0),
    sigma_data=st.floats(0.1, 3.0),
)
def test_edm_is_table_1(
    output: float, y: float, noise: float, log_ratio: float, sigma_data: float
) -> None:
    ratio = math.exp(log_ratio)
    total = ratio**2 + sigma_data**2
    c_skip, c_out = sigma_data**2 / total, ratio * sigma_data / math.sqrt(total)
    c_in = 1 / math.sqrt(total)
    noisy = y + noise * ratio
    ask, at = EDM(sigma_data), scales(math.atan(ratio))
    x = noisy * at[0]
    denoised = c_skip * noisy + c_out * output
    assert float(ask.x_0(double(output), x, *at)) == pytest.approx(denoised, abs=1e-9)
    assert float(ask.input_scale(*at) * x) == pytest.approx(c_in * noisy, abs=1e-9)
    # Eq. 8, the effective training target of the raw network.
    target = (y - c_skip * noisy) / c_out
    found = float(ask.target(double(y), double(noise), *at))
    assert found == pytest.approx(target, rel=1e-6, abs=1e-6)
    # Eq. 3: the score of the denoiser, here as its noise.
    eps = (noisy - denoised) / ratio
    assert float(ask.eps(double(output), x, *at)) == pytest.approx(eps, rel=1e-6, abs=1e-6)


@quick
@given(x_0=values, eps=values, x=values, angle=st.floats(0.0, math.pi / 2))
def test_edm_of_unit_data_is_minus_v(
    x_0: float, eps: float, x: float, angle: float
) -> None:
    at, pair = scales(angle), (double(x_0), double(eps))
    close(EDM(1.0).target(*pair, *at), -V().target(*pair, *at), atol=1e-12)
    for ask in ("x_0", "eps"):
        edm, v = getattr(EDM(1.0), ask), getattr(V(), ask)
        close(edm(-pair[0], double(x), *at), v(pair[0], double(x), *at), atol=1e-12)


@pytest.mark.parametrize("sigma_data", [0.1, 0.5, 1.0, 4.0])
def test_edm_sees_and_answers_unit_variance(sigma_data: float) -> None:
    ask, angle = EDM(sigma_data), torch.linspace(0, math.pi / 2, 33, dtype=torch.float64)
    alpha, sigma = angle.cos(), angle.sin()
    one = torch.ones_like(angle)
    # Both are linear in x_0 and eps, which are independent: their squares add.
    data = ask.target(sigma_data * one, 0 * one, alpha, sigma)
    noise = ask.target(0 * one, one, alpha, sigma)
    close(data**2 + noise**2, one)
    scale = ask.input_scale(alpha, sigma)
    close((scale * alpha * sigma_data) ** 2 + (scale * sigma) ** 2, one)
    # And the input says nothing of the target: what is left is all for the network.
    close(data * alpha * sigma_data + noise * sigma, 0 * one, atol=1e-12)


@pytest.mark.parametrize("log_snr", [30.0, 20.0, 10.0, 0.0, -10.0, -30.0])
@every_prediction
def test_float32_keeps_the_digits_of_target_and_data(
    prediction: Path, log_snr: float
) -> None:
    ask, angle = prediction_of(prediction), math.atan(math.exp(-0.5 * log_snr))
    x_0, eps = torch.tensor([0.3, -0.9, 0.0, 1.0]), torch.tensor([-1.1, 0.2, 0.7, 2.0])
    at = [scale.float() for scale in scales(angle)]
    exact = [scale.double() for scale in at]
    target = ask.target(x_0, eps, *at).double()
    expected = ask.target(x_0.double(), eps.double(), *exact)
    close(target, expected, rtol=1e-6, atol=1e-6)
    if ask.needs_signal and log_snr < 0:
        return
    x = (exact[0] * x_0.double() + exact[1] * eps.double()).float()
    close(ask.x_0(target.float(), x, *at).reshape(4), x_0, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sigma_data", [0.0, -1.0, float("inf"), float("nan")])
def test_a_data_scale_that_is_none_is_refused(sigma_data: float) -> None:
    with pytest.raises(ValueError, match="sigma_data"):
        EDM(sigma_data)
