"""Bound and flow of pixels whose law is known: how far above the truth they lie, and why.

The network is without error, so all that is left is the fault of the way of measuring.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.evaluation.likelihood.pixels import Pixels
from torch import Tensor

from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.evaluation.likelihood import (
    dequantisation,
    probability_flow,
    value_kinds,
    variance_fit,
    variational_bound,
)
from snowmelt.evaluation.likelihood.dequantisation import Noise, Uniform
from snowmelt.evaluation.likelihood.divergences import Exact
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.step_variances import (
    Analytic,
    FixedLarge,
    FixedSmall,
    ReverseVariance,
)
from snowmelt.evaluation.likelihood.value_kinds import Levels
from snowmelt.evaluation.likelihood.variational_bound import Bound

PROCESS = VariancePreserving(Cosine())
COUNT = 4000
GAPS = {17: 0.05, 256: 0.02}  # bits that the bound of the default may lie above the truth
BOTH = pytest.mark.parametrize("count", [17, 256])


def bound_gap(
    pixels: Pixels,
    variance: ReverseVariance | None = None,
    steps: int = 1000,
    width: float | None = 0.5,
) -> tuple[float, float]:
    """Bits above the truth, and the standard error; example by example."""
    denoiser, (x_0, true) = pixels.denoiser(PROCESS), pixels.draw(COUNT)
    bound, index = Bound(steps, 32, variance, decoder_width=width), torch.arange(COUNT)
    bound = bound.placed(denoiser, Levels(pixels.count))
    fitting = variance_fit.fitting(bound, denoiser)
    if fitting is not None:
        x, _ = pixels.draw(1000)
        few = index[:1000]
        errors = variance_fit.errors(bound, fitting, denoiser, x, few, seed=1)
        bound = variance_fit.fitted(bound, fitting, PROCESS, errors)
    terms = bound.terms(denoiser, x_0, index, Levels(pixels.count), seed=0)
    return mean_and_error(terms.total - true)


def flow_gap(
    pixels: Pixels, start: dequantisation.Dequantisation | None = None
) -> tuple[float, float]:
    denoiser, (x_0, true) = pixels.denoiser(PROCESS), pixels.draw(COUNT // 8)
    flow = ProbabilityFlow(32, Exact(), dequantisation=start)
    index = torch.arange(len(x_0))
    bits, _ = flow.measure(denoiser, x_0, index, Levels(pixels.count), seed=0)
    return mean_and_error(bits - true)


def mean_and_error(gap: Tensor) -> tuple[float, float]:
    return float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))


def test_the_pixels_are_what_they_say() -> None:
    pixels = Pixels(17)
    x_0, bits = pixels.draw(COUNT)
    assert float(x_0.mean()) == pytest.approx(0.1, abs=2e-3)
    assert float(bits.mean()) == pytest.approx(pixels.entropy, abs=0.01)


@BOTH
def test_the_bound_of_the_default_is_close_above_the_truth(count: int) -> None:
    gap, error = bound_gap(Pixels(count))
    assert -3 * error < gap < GAPS[count] + 3 * error
    assert error < 0.04


@BOTH
def test_fixed_variances_are_further_off(count: int) -> None:
    default, large, small = (
        bound_gap(Pixels(count), variance, width=None)[0]
        for variance in (None, FixedLarge(), FixedSmall())
    )
    # Where pixels of 8 bits are left to the decoder, noise is as wide as a bin, and the
    # forward step's variance is right; 17 levels are known to the point long before 1/T.
    assert default < large + 0.005
    assert default < small - 0.04
    assert (small > large + 0.2) if count == 256 else (large > small + 0.08)


@BOTH
def test_fewer_steps_cost_little_with_a_fitted_variance(count: int) -> None:
    pixels = Pixels(count)
    gap, error = bound_gap(pixels, steps=100)
    small, _ = bound_gap(pixels, FixedSmall(), steps=100, width=None)
    assert -3 * error < gap < 0.4 * small


@BOTH
def test_the_flow_is_close_above_the_truth(count: int) -> None:
    gap, error = flow_gap(Pixels(count))
    assert -3 * error - 2e-3 < gap < GAPS[count] + 3 * error
    assert error < 0.04


@BOTH
@pytest.mark.parametrize("width", [0.2, 0.6])
def test_the_flow_is_a_bound_wherever_it_begins(count: int, width: float) -> None:
    gap, error = flow_gap(Pixels(count), Noise(width))
    assert -3 * error - 2e-3 < gap < 0.07 + 3 * error


def test_a_network_that_knows_the_levels_makes_nonsense_of_uniform_numbers() -> None:
    assert flow_gap(Pixels(17), Uniform())[0] > 5


# Each of these mistakes must be seen by the tests above.


def shifted(value: float) -> Callable[[Any], Any]:
    return lambda right: lambda *given, **named: right(*given, **named) + value


def halved_steps(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda excess, error: 0.5 * right(excess, error)


def without_the_fit(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, log_snr, error: right(self, log_snr, 100 * error)


def narrow_bins(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, mean, log_std, levels: right(x, mean, log_std, 2 * levels - 1)


def wide_bins(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, mean, log_std, levels: right(x, mean, log_std, levels // 2 + 1)


MISTAKES_OF_THE_BOUND = {
    "steps count half": (variational_bound, "step_divergence", halved_steps),
    "no prior": (variational_bound, "prior_nats", shifted(-0.5)),
    "a variance that does not fit": (Analytic, "fitted", without_the_fit),
    "half the bin": (value_kinds, "log_likelihood", narrow_bins),
}


@pytest.mark.parametrize("mistake", MISTAKES_OF_THE_BOUND)
def test_a_mistake_in_the_bound_is_seen(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, name, wrong = MISTAKES_OF_THE_BOUND[mistake]
    monkeypatch.setattr(place, name, wrong(getattr(place, name)))
    gap, error = bound_gap(Pixels(256))
    assert not -3 * error < gap < GAPS[256] + 3 * error


MISTAKES_OF_THE_FLOW = {
    "the prior's density": (probability_flow, "_normal_log_prob", shifted(0.3)),
    "half the bin": (value_kinds, "log_likelihood", narrow_bins),
    "twice the bin": (value_kinds, "log_likelihood", wide_bins),
}


@pytest.mark.parametrize("mistake", MISTAKES_OF_THE_FLOW)
def test_a_mistake_in_the_flow_is_seen(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, name, wrong = MISTAKES_OF_THE_FLOW[mistake]
    monkeypatch.setattr(place, name, wrong(getattr(place, name)))
    gaps = [flow_gap(Pixels(count), Noise(0.6)) for count in (17, 256)]
    seen = [not -3 * error - 2e-3 < gap < 0.07 + 3 * error for gap, error in gaps]
    assert any(seen)
