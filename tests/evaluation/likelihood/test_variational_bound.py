"""The bound: closed forms of its terms, and that it bounds, on data that is known."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from snowmelt.densities import Gaussian, GaussianMixture
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import X0, V
from snowmelt.diffusion.processes import Process, VariancePreserving, expand
from snowmelt.diffusion.schedules import (
    Cosine,
    Geometric,
    Linear,
    NoiseSchedule,
    ZeroTerminal,
)
from snowmelt.diffusion.schedules import Learned as LearnedSchedule
from snowmelt.evaluation.likelihood import variance_fit, variational_bound
from snowmelt.evaluation.likelihood.normal_divergences import prior_nats
from snowmelt.evaluation.likelihood.step_variances import (
    Analytic,
    FixedLarge,
    FixedSmall,
    Learned,
    ReverseVariance,
)
from snowmelt.evaluation.likelihood.value_kinds import Levels, Points
from snowmelt.evaluation.likelihood.variational_bound import Bound

MEAN, STD = 0.3, 0.6
DATA = Gaussian([MEAN], STD)
EVEN = VariancePreserving(Geometric(0.01, 100.0))  # all its steps fall alike
EVERY = [FixedSmall(), FixedLarge(), FixedSmall(last_as_second=True), Learned()]
Corners = tuple[Tensor, Tensor]


class Shrunk(nn.Module):
    """A network that is wrong, and has a share of the variance that differs by element."""

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        share = torch.linspace(-0.8, 0.7, x[0].numel(), dtype=x.dtype)
        return torch.cat((0.4 * x + 0.1, share.reshape(x[:1].shape).expand_as(x)), dim=1)


def model(process: Process) -> Denoiser:
    return Denoiser(Shrunk(), process, V(), learned_variance=True)


def gaussian_denoiser(process: Process) -> Denoiser:
    return DATA.denoiser(process, X0())


def expected_terms(
    bound: Bound,
    denoiser: Denoiser,
    corners: Corners,
    mean: float = MEAN,
    std: float = STD,
) -> tuple[float, list[float], float]:
    """Prior, steps and decoder in nats, exact means over the data and the noise."""
    unit, eps = corners
    x_0 = mean + std * unit
    steps = []
    for number in range(2, bound.steps + 1):
        step = torch.full((len(x_0),), float(number))
        steps.append(float(bound.step_nats(denoiser, x_0, step, eps).mean()))
    prior = float(prior_nats(denoiser.process, x_0).mean())
    reconstruction = float(bound.reconstruction_nats(denoiser, x_0, eps, Points()).mean())
    return prior, steps, reconstruction


def fixed(steps: int, **given: Any) -> Bound:
    return Bound(steps, variance=FixedSmall(), **given)


def entropy(std: float = STD) -> float:
    return 0.5 * math.log(2 * math.pi * math.e * std**2)


@pytest.mark.parametrize("steps", [2, 5, 24])
def test_it_is_never_less_than_the_truth(
    process: Process, corners: Corners, steps: int
) -> None:
    for variance in (FixedSmall(), FixedLarge()):
        bound = Bound(steps, variance=variance)
        denoiser = gaussian_denoiser(process)
        prior, between, reconstruction = expected_terms(bound, denoiser, corners)
        assert prior >= 0
        assert min(between) >= 0
        assert prior + sum(between) + reconstruction >= entropy() - 1e-9


@pytest.mark.parametrize("steps", [2, 7, 40])
def test_of_standard_normal_data_nothing_is_lost(
    preserving: Process, corners: Corners, steps: int
) -> None:
    # With the forward step's variance the reverse steps are then the true ones; only the
    # last, to the data, has a variance that is a little too large.
    denoiser = Gaussian([0.0], 1.0).denoiser(preserving, X0())
    bound = Bound(steps, variance=FixedLarge())
    prior, between, reconstruction = expected_terms(bound, denoiser, corners, 0.0, 1.0)
    alpha = float(preserving.alpha(torch.tensor(1.0 / steps, dtype=torch.float64)))
    excess = 0.5 * (alpha**2 - 1 - 2 * math.log(alpha))
    assert prior + sum(between) + reconstruction == pytest.approx(
        entropy(1.0) + excess, abs=1e-9
    )


def gaussian_error(log_snr: Tensor, std: float = STD) -> Tensor:
    """The mean squared error of the best estimate of Gaussian data."""
    return 1.0 / (1.0 / std**2 + torch.exp(log_snr))


@pytest.mark.parametrize("steps", [2, 7])
def test_of_gaussian_data_the_steps_of_a_fitted_variance_lose_nothing(
    process: Process, corners: Corners, steps: int
) -> None:
    """What is left is the divergence of the ends: noise and prior, data and decoder."""
    denoiser, variance = gaussian_denoiser(process), Analytic(levels=100)
    bound = Bound(steps, variance=variance)
    at = torch.tensor(variance_fit.error_steps(bound, variance, process)).double() / steps
    errors = gaussian_error(process.log_snr(at)).expand(2, -1)
    bound = variance_fit.fitted(bound, variance, process, errors)
    found = expected_terms(bound, denoiser, corners)
    end = torch.ones(()).double()
    alpha, sigma = process.alpha(end), process.sigma(end)
    reached = Normal(alpha * MEAN, torch.sqrt(sigma**2 + (alpha * STD) ** 2))
    left = kl_divergence(reached, Normal(end * 0.0, end * process.prior_std()))
    first = process.log_snr(end / steps)
    ratio = gaussian_error(first) * torch.exp(first)
    decoder = 0.5 * (ratio - 1.0 - torch.log(ratio))
    total = found[0] + sum(found[1]) + found[2]
    assert total == pytest.approx(entropy() + float(left + decoder), rel=1e-6, abs=1e-6)


def test_a_variance_is_fitted_to_the_errors_of_the_network() -> None:
    process, count = VariancePreserving(Cosine()), 4000
    denoiser, variance = gaussian_denoiser(process), Analytic(levels=17)
    bound, x_0 = Bound(50, variance=variance), DATA.sample(count, seed=0)
    steps = variance_fit.error_steps(bound, variance, process)
    assert steps[0] == 2
    assert steps[-1] == 50
    assert 13 <= len(steps) <= 17
    index = torch.arange(count)
    errors = variance_fit.errors(bound, variance, denoiser, x_0, index, seed=0)
    expected = gaussian_error(process.log_snr(torch.tensor(steps).double() / 50))
    torch.testing.assert_close(errors.mean(0), expected, rtol=0.1, atol=0)
    # Between the levels as on them, and the more exact the steps, the closer.
    fitted = variance_fit.fitted(bound, variance, process, errors)
    t = torch.linspace(2, 50, 60).double() / 50
    s, share = t - 0.02, torch.zeros(1, 1).double()
    found = fitted.variance_for(denoiser).excess(process, t, s, share)[:, 0]
    drop = torch.exp(process.log_snr(s)) - torch.exp(process.log_snr(t))
    wanted = torch.log1p(drop * gaussian_error(process.log_snr(t)))
    torch.testing.assert_close(found, wanted, rtol=0.12, atol=1e-3)


def test_a_variance_that_was_not_fitted_is_refused() -> None:
    denoiser = gaussian_denoiser(VariancePreserving(Cosine()))
    with pytest.raises(ValueError, match="has to be fitted first"):
        Bound(5).terms(denoiser, torch.zeros(2, 1), torch.arange(2), Points(), seed=0)


def test_what_the_posteriors_variance_would_cost_comes_beside_it() -> None:
    process = VariancePreserving(Cosine())
    x_0, index = torch.linspace(-1, 1, 50).reshape(50, 1), torch.arange(50)
    large, small = (
        Bound(40, strata=8, variance=variance).terms(
            gaussian_denoiser(process), x_0, index, Points(), seed=0
        )
        for variance in (FixedLarge(), FixedSmall())
    )
    torch.testing.assert_close(large.small_steps, small.steps.sum(1))
    torch.testing.assert_close(large.total_with_small_steps, small.total)
    assert not torch.allclose(large.total, small.total)


def test_a_step_is_the_divergence_of_two_normals(process: Process) -> None:
    for variance in EVERY:
        check_step(process, variance)


def check_step(process: Process, variance: ReverseVariance) -> None:
    denoiser = model(process)
    x_0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).double()
    step = torch.tensor([2.0, 9.0, 20.0])
    t, s = step.double() / 20, (step.double() - 1) / 20
    x_t = process.perturb(x_0, t, eps)
    output, share = denoiser.with_variance(x_t, t)
    x_0_hat = denoiser.estimates_from(output, x_t, t)[0]
    mean, smallest = process.posterior(x_t, x_0, t, s)
    mean_hat, _ = process.posterior(x_t, x_0_hat, t, s)
    largest = expand(process.transition_variance(s, t), x_t)
    if isinstance(variance, Learned):
        chosen = torch.exp((1 - share) * smallest.log() + share * largest.log())
    else:
        chosen = largest if isinstance(variance, FixedLarge) else smallest
    expected = kl_divergence(Normal(mean, smallest.sqrt()), Normal(mean_hat, chosen.sqrt()))
    found = Bound(20, variance=variance).step_nats(denoiser, x_0, step, eps)
    torch.testing.assert_close(found, expected.expand_as(x_0).sum(1), rtol=1e-6, atol=1e-8)


def test_the_decoder_is_the_density_around_the_estimate(process: Process) -> None:
    for variance in EVERY:
        check_reconstruction(process, variance)


def check_reconstruction(process: Process, variance: ReverseVariance) -> None:
    denoiser = model(process)
    x_0, eps = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1)).double()
    first = torch.tensor(1.0).double() / 20
    start = torch.zeros_like(first)
    x_t = process.perturb(x_0, first.expand(3), eps)
    output, share = denoiser.with_variance(x_t, first.expand(3))
    x_0_hat = denoiser.estimates_from(output, x_t, first.expand(3))[0]
    alpha, sigma = process.alpha(first), process.sigma(first)
    spread = (sigma / alpha) ** 2
    if isinstance(variance, Learned):
        low = process.posterior_variance(first, start)
        high = process.transition_variance(start, first)
        spread = torch.exp((1 - share) * low.log() + share * high.log())
    elif variance.last_as_second:
        spread = process.posterior_variance(2 * first, first)
    expected = -Normal(x_0_hat, spread.sqrt()).log_prob(x_0).sum(1)
    bound = Bound(20, variance=variance)
    found = bound.reconstruction_nats(denoiser, x_0, eps, Points())
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_the_prior_is_the_divergence_of_two_normals(process: Process) -> None:
    x_0 = torch.tensor([[0.2, -0.9], [1.0, 0.4]]).double()
    end = torch.ones(()).double()
    reached = Normal(process.alpha(end) * x_0, process.sigma(end))
    start = Normal(torch.zeros(()).double(), process.prior_std())
    expected = kl_divergence(reached, start).sum(1)
    torch.testing.assert_close(prior_nats(process, x_0), expected, rtol=1e-7, atol=1e-12)


def test_the_gap_closes_in_the_first_order() -> None:
    process = VariancePreserving(Geometric(0.01, 50.0))
    corners = tuple(
        torch.tensor(list(itertools.product([-1.0, 1.0], repeat=2))).T[..., None]
    )
    corners = (corners[0].double(), corners[1].double())
    gaps, counts = [], [100, 200, 400]
    for count in counts:
        prior, steps, reconstruction = expected_terms(
            fixed(count), gaussian_denoiser(process), corners
        )
        gaps.append(prior + sum(steps) + reconstruction - entropy())
    assert gaps[0] > gaps[1] > gaps[2] > 0
    orders = [math.log2(a / b) for a, b in itertools.pairwise(gaps)]
    assert orders == pytest.approx([1.0, 1.0], abs=0.05)
    assert gaps[-1] < 0.08


def test_it_bounds_the_density_of_a_mixture() -> None:
    mixture = GaussianMixture([0.3, 0.7], [[-0.8, 0.2], [0.6, -0.4]], [0.01, 0.09])
    denoiser = mixture.denoiser(VariancePreserving(Geometric(0.01, 100.0)), V())
    x_0 = mixture.sample(2000, seed=0)
    terms = fixed(300, strata=10).terms(denoiser, x_0, torch.arange(2000), Points(), seed=0)
    truth = -mixture.log_prob(x_0).double() / (2 * math.log(2))
    gap = terms.total - truth
    error = float(gap.std()) / math.sqrt(800)
    assert float(gap.mean()) > -2 * error
    assert float(gap.mean()) < 0.12 + 3 * error


def test_all_steps_of_a_stratum_make_up_its_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    # Noise that does not depend on where it is used makes the estimate deterministic.
    process = EVEN
    x_0 = torch.tensor([[-1.0, 0.5], [0.25, 1.0]]).double()
    noise = torch.tensor([[0.3, -1.1], [0.9, 0.2]]).double()
    monkeypatch.setattr(variational_bound, "normal", lambda *args, **kwargs: noise)
    index = torch.arange(2)

    def terms(bound: Bound, place: float) -> variational_bound.Terms:
        def chosen(shape: tuple[int, ...], **kwargs: object) -> Tensor:
            return torch.full((2, *shape), place).double()

        monkeypatch.setattr(variational_bound, "uniform", chosen)
        return bound.terms(model(process), x_0, index, Points(), seed=0)

    whole = terms(Bound(13), 0.5)
    assert whole.steps.shape == (2, 12)
    some = Bound(13, strata=3)
    assert some.runs(process) == [(2, 5), (6, 9), (10, 13)]
    drawn = [terms(some, (k + 0.5) / 4) for k in range(4)]
    mean = torch.stack([one.steps for one in drawn]).mean(0)
    torch.testing.assert_close(mean, whole.steps.reshape(2, 3, 4).sum(2))
    total = torch.stack([one.total for one in drawn]).mean(0)
    torch.testing.assert_close(total, whole.total)
    assert not torch.allclose(drawn[0].total, drawn[1].total)


@pytest.mark.parametrize(("steps", "strata"), [(1000, 32), (10, 9), (50, 7), (2, 1)])
@pytest.mark.parametrize("schedule", [Cosine(), Linear(), ZeroTerminal(Cosine())])
def test_the_strata_cover_every_step_once(
    steps: int, strata: int, schedule: NoiseSchedule
) -> None:
    runs = Bound(steps, strata=strata).runs(VariancePreserving(schedule))
    assert len(runs) == strata
    assert all(first <= last for first, last in runs)
    covered = [step for first, last in runs for step in range(first, last + 1)]
    assert covered == list(range(2, steps + 1))


def test_strata_fall_equally_where_steps_are_short() -> None:
    process = VariancePreserving(Cosine())
    edges = [1] + [last for _, last in Bound(20_000, strata=8).runs(process)]
    fallen = -process.log_snr(torch.tensor(edges).double() / 20_000).diff()
    torch.testing.assert_close(fallen, fallen.mean().expand(8), rtol=0.05, atol=0)


def test_strata_of_equal_fall_are_surer_than_the_same_number_of_equal_length() -> None:
    # The same estimate, with the runs of a schedule whose steps all fall alike.
    process, count = VariancePreserving(Cosine()), 4000
    denoiser = model(process)
    x_0 = torch.linspace(-1, 1, count).reshape(-1, 1)
    sure, unsure = Bound(200, strata=10), Bound(200, strata=10)
    unsure.runs = lambda _: Bound(200, strata=10).runs(EVEN)  # type: ignore[method-assign]
    spread = [
        one.terms(denoiser, x_0, torch.arange(count), Points(), seed=0).total.std()
        for one in (sure, unsure)
    ]
    assert spread[0] < 0.8 * spread[1]


def test_steps_are_drawn_evenly_within_a_stratum(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    bound = fixed(9, strata=2)

    def record(denoiser: Denoiser, x_0: Tensor, step: Tensor, eps: Tensor) -> Corners:
        seen.append(step)
        return torch.zeros_like(x_0), torch.zeros_like(x_0)

    monkeypatch.setattr(bound, "step", record)
    x_0 = torch.zeros(4000, 1)
    process = EVEN
    bound.terms(gaussian_denoiser(process), x_0, torch.arange(4000), Points(), seed=0)
    for steps, first in zip(seen, (2, 6), strict=True):
        values, counts = steps.unique(return_counts=True)
        assert values.tolist() == [first, first + 1, first + 2, first + 3]
        assert counts.min() > 880  # of 1000, at four standard deviations
    assert torch.corrcoef(torch.stack(seen))[0, 1].abs() < 0.07


def test_an_example_has_its_numbers_in_any_batch() -> None:
    process = VariancePreserving(Cosine())
    x_0 = (torch.arange(6.0).reshape(6, 1, 1, 1) - 3) / 3
    x_0 = x_0.expand(6, 1, 2, 2).round()
    index = torch.tensor([5, 0, 9, 2, 3, 7])
    bound, denoiser = Bound(30, strata=4), model(process)

    def terms(part: slice, seed: int = 0) -> variational_bound.Terms:
        return bound.terms(denoiser, x_0[part], index[part], Points(), seed=seed)

    whole, parts = terms(slice(None)), [terms(slice(0, 2)), terms(slice(2, 6))]
    for name in ("prior", "steps", "reconstruction"):
        joined = torch.cat([getattr(part, name) for part in parts])
        torch.testing.assert_close(getattr(whole, name), joined)
    other = terms(slice(None), seed=1)
    assert not torch.allclose(whole.steps, other.steps)
    assert not torch.equal(whole.reconstruction, other.reconstruction)


def test_noise_of_different_terms_is_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    bound = fixed(20, strata=3)

    def record(denoiser: Denoiser, x_0: Tensor, *rest: object) -> Tensor:
        drawn.append(next(one for one in reversed(rest) if isinstance(one, Tensor)))
        return torch.zeros(len(x_0)).double()

    def record_step(*given: Any) -> Corners:
        record(*given)
        return torch.zeros_like(given[1]), torch.zeros_like(given[1])

    monkeypatch.setattr(bound, "step", record_step)
    monkeypatch.setattr(bound, "reconstruction_nats", record)
    x_0 = torch.zeros(3000, 1)
    process = VariancePreserving(Cosine())
    bound.terms(gaussian_denoiser(process), x_0, torch.arange(3000), Points(), seed=0)
    assert len(drawn) == 4
    correlation = torch.corrcoef(torch.stack([eps[:, 0] for eps in drawn]))
    assert (correlation - torch.eye(4)).abs().max() < 0.08


def test_terms_are_in_bits_a_dimension() -> None:
    process = VariancePreserving(Cosine())
    x_0, index = torch.tensor([[-1.0, 0.5]]), torch.tensor([3])
    denoiser = Gaussian([0.0, 0.0], STD).denoiser(process, X0())
    terms = fixed(4).terms(denoiser, x_0, index, Points(2.0), seed=0)
    plain = fixed(4).terms(denoiser, x_0, index, Points(), seed=0)
    nats = prior_nats(process, x_0)
    torch.testing.assert_close(terms.prior, nats / (2 * math.log(2)))
    # Of data twice as wide, each coordinate takes one bit more.
    torch.testing.assert_close(terms.total, plain.total + 1.0)
    added = terms.prior + terms.steps.sum(1) + terms.reconstruction
    torch.testing.assert_close(terms.total, added)


def test_clipping_reaches_the_steps_and_the_decoder() -> None:
    process = VariancePreserving(Cosine())
    denoiser = Gaussian([4.0, 4.0], 0.1).denoiser(process, X0())
    x_0, eps = torch.ones(1, 2).double(), torch.zeros(1, 2).double()
    step = torch.tensor([5.0])
    free, kept = fixed(10), fixed(10, clip=True)
    assert float(free.step_nats(denoiser, x_0, step, eps)) > 1
    assert float(kept.step_nats(denoiser, x_0, step, eps)) == pytest.approx(0)
    far = free.reconstruction_nats(denoiser, x_0, eps, Points())
    assert float(far) > 10 + float(kept.reconstruction_nats(denoiser, x_0, eps, Points()))


def test_labels_that_the_denoiser_was_told_are_asked() -> None:
    classes = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [0.01, 0.01])
    denoiser = classes.denoiser(VariancePreserving(Cosine()), X0())
    x_0, index = torch.full((200, 1), 1.0), torch.arange(200)
    bound = fixed(200, strata=20)

    def mean(labels: list[int] | None) -> float:
        told = denoiser.with_labels(None if labels is None else torch.tensor(labels * 200))
        return float(bound.terms(told, x_0, index, Points(), seed=0).total.mean())

    assert mean([1]) < mean(None) - 0.5
    assert mean([0]) > mean(None) + 5


def test_a_network_chooses_its_own_variance() -> None:
    process = VariancePreserving(Cosine())
    assert isinstance(Bound().variance_for(model(process)), Learned)
    assert isinstance(Bound().variance_for(gaussian_denoiser(process)), Analytic)
    large = FixedLarge()
    assert Bound(variance=large).variance_for(model(process)) is large


def test_the_last_step_begins_where_levels_are_left_to_tell() -> None:
    process = VariancePreserving(Cosine())
    denoiser, levels = gaussian_denoiser(process), Levels(17)
    bound = Bound(1000).placed(denoiser, levels)
    first = bound.time(1)
    ratio = process.sigma(first) / process.alpha(first)
    assert float(ratio) == pytest.approx(0.5 * levels.width)
    times = bound.time(torch.arange(1, 1001))
    assert float(times[-1]) == 1.0
    torch.testing.assert_close(times.diff(), times.diff()[:1].expand(999))
    # Not before 1/T, not of points, and not for a variance that was learned.
    kept = [
        Bound(1000).placed(denoiser, Levels(256)),
        Bound(1000).placed(denoiser, Points()),
        Bound(1000).placed(model(process), levels),
        Bound(1000, decoder_width=None).placed(denoiser, levels),
    ]
    for one in kept:
        assert one.first_time == 0.001
        steps = torch.tensor([1, 2, 500, 1000])
        torch.testing.assert_close(one.time(steps), steps.double() / 1000)


def test_a_learned_variance_needs_a_network_that_has_one() -> None:
    denoiser = gaussian_denoiser(VariancePreserving(Cosine()))
    with pytest.raises(ValueError, match=r"learned.*denoiser\.learned_variance=true"):
        Bound(variance=Learned()).check(denoiser)
    Bound(variance=FixedLarge()).check(denoiser)


def test_no_graph_is_kept() -> None:
    learned = VariancePreserving(LearnedSchedule(10.0, -10.0))
    denoiser = gaussian_denoiser(learned)
    terms = fixed(5).terms(denoiser, torch.zeros(2, 1), torch.arange(2), Points(), seed=0)
    assert not terms.total.requires_grad
    assert replace(terms, prior=terms.prior + 1).total.shape == (2,)


@pytest.mark.parametrize("bad", [1, 0, -5])
def test_too_few_steps_are_refused(bad: int) -> None:
    with pytest.raises(ValueError, match=f"steps must be at least 2, got {bad}"):
        Bound(bad)


@pytest.mark.parametrize("bad", [0, 10, -1])
def test_more_strata_than_steps_are_refused(bad: int) -> None:
    with pytest.raises(ValueError, match=f"strata must lie between 1 and 9, got {bad}"):
        Bound(10, strata=bad)


@pytest.mark.parametrize("bad", [0.0, -0.5, math.inf])
def test_noise_of_no_width_before_the_last_step_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="decoder_width must be"):
        Bound(10, decoder_width=bad)


@pytest.mark.parametrize("name", ["examples", "levels"])
def test_a_variance_is_not_fitted_to_a_single_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 2, got 1"):
        Analytic(**{name: 1})
