"""Every prediction under conf/prediction/: the way there and back, and what v is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.building import build
from snowmelt.predictions import X0, Eps, Prediction, V

FILES = sorted((Path(__file__).parents[1] / "conf" / "prediction").glob("*.yaml"))
every_prediction = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)
values = st.floats(-3.0, 3.0)
# Not on the unit circle: a process need not preserve the variance.
scales = st.floats(0.05, 5.0)


def built(file: Path) -> Prediction:
    return build(OmegaConf.load(file), Prediction)


def double(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def test_there_are_predictions() -> None:
    assert {"eps", "x_0", "v"} <= {file.stem for file in FILES}


@every_prediction
@quick
@given(x_0=values, eps=values, alpha=scales, sigma=scales)
def test_the_target_gives_back_what_it_was_made_of(
    file: Path, x_0: float, eps: float, alpha: float, sigma: float
) -> None:
    prediction, at = built(file), (double(alpha), double(sigma))
    x_t = alpha * double(x_0) + sigma * double(eps)
    target = prediction.target(double(x_0), double(eps), *at)
    assert float(prediction.x_0(target, x_t, *at)) == pytest.approx(x_0, abs=1e-9)
    assert float(prediction.eps(target, x_t, *at)) == pytest.approx(eps, abs=1e-9)


@every_prediction
@quick
@given(output=values, x_t=values, alpha=scales, sigma=scales)
def test_both_estimates_make_up_the_noisy_state(
    file: Path, output: float, x_t: float, alpha: float, sigma: float
) -> None:
    prediction, at = built(file), (double(alpha), double(sigma))
    x_0_hat = prediction.x_0(double(output), double(x_t), *at)
    eps_hat = prediction.eps(double(output), double(x_t), *at)
    assert float(alpha * x_0_hat + sigma * eps_hat) == pytest.approx(x_t, abs=1e-8)
    again = prediction.target(x_0_hat, eps_hat, *at)
    assert float(again) == pytest.approx(output, abs=1e-6)


@every_prediction
@pytest.mark.parametrize("shape", [(4, 2), (4, 1, 8, 8), (4, 3, 5, 5)])
def test_one_scale_an_example(file: Path, shape: tuple[int, ...]) -> None:
    prediction = built(file)
    x_0, eps = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    angle = torch.linspace(0.2, 1.3, 4).reshape(-1, *[1] * (len(shape) - 1))
    alpha, sigma = angle.cos(), angle.sin()
    x_t = alpha * x_0 + sigma * eps
    target = prediction.target(x_0, eps, alpha, sigma)
    assert target.shape == shape
    torch.testing.assert_close(
        prediction.x_0(target, x_t, alpha, sigma), x_0, rtol=0, atol=1e-5
    )
    torch.testing.assert_close(
        prediction.eps(target, x_t, alpha, sigma), eps, rtol=0, atol=1e-5
    )


def test_targets_are_what_they_are_called() -> None:
    x_0, eps, alpha, sigma = double(0.3), double(-1.1), double(0.8), double(0.6)
    assert torch.equal(Eps().target(x_0, eps, alpha, sigma), eps)
    assert torch.equal(X0().target(x_0, eps, alpha, sigma), x_0)
    assert float(V().target(x_0, eps, alpha, sigma)) == pytest.approx(
        0.8 * -1.1 - 0.6 * 0.3
    )


@pytest.mark.parametrize("angle", [0.1, 0.7, 1.4])
def test_v_is_the_velocity_along_the_circle(angle: float) -> None:
    # x_t = cos(angle) x_0 + sin(angle) eps, and v is its derivative by the angle.
    x_0, eps, h = 0.3, -1.1, 1e-6

    def x_at(at: float) -> float:
        return math.cos(at) * x_0 + math.sin(at) * eps

    slope = (x_at(angle + h) - x_at(angle - h)) / (2 * h)
    alpha, sigma = double(math.cos(angle)), double(math.sin(angle))
    found = V().target(double(x_0), double(eps), alpha, sigma)
    assert float(found) == pytest.approx(slope, abs=1e-8)


def test_v_stays_finite_at_both_ends() -> None:
    one, zero, x_t, output = double(1.0), double(0.0), double(0.4), double(-0.9)
    assert float(V().x_0(output, x_t, one, zero)) == 0.4
    assert float(V().eps(output, x_t, one, zero)) == -0.9
    assert float(V().x_0(output, x_t, zero, one)) == 0.9
    assert float(V().eps(output, x_t, zero, one)) == 0.4
