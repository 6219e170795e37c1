"""The denoiser against data whose density is known: every estimate is exact."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from tests.combinations import (
    PREDICTIONS,
    Pair,
    close,
    double,
    every_process,
    prediction_of,
    process_of,
)
from torch import Tensor, nn

from snowmelt.densities import Gaussian, GaussianMixture
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import EDM, X0, Eps, Prediction, Score, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Learned, Linear, ZeroTerminal

GAUSSIAN = Gaussian([0.7, -0.4], std=[0.4, 0.9])
MIXTURE = GaussianMixture(
    [0.3, 0.7],
    [[0.7, -0.4], [-1.0, 0.5]],
    [[[0.2, 0.1], [0.1, 0.3]], [[0.1, 0.0], [0.0, 0.4]]],
)
known = pytest.mark.parametrize("density", [GAUSSIAN, MIXTURE], ids=["gaussian", "mixture"])


class Answer(nn.Module):
    """A network that is a function, and remembers what it was shown."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, *shown: Tensor) -> Tensor:
        self.shown = shown
        return self.function(*shown)


TIMES = double(0.0, 1e-3, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.999)


def truth(
    density: GaussianMixture, process: Process, x_t: Tensor, t: Tensor
) -> dict[str, Tensor]:
    """Posterior means and the score, by differentiating the density of x_t by torch."""
    alpha, sigma = process.alpha(t)[:, None], process.sigma(t)[:, None]
    x_t = x_t.clone().requires_grad_()
    own = torch.diag_embed(density.variances)
    if density.axes is not None:
        own = density.axes @ own @ density.axes.mT
    noisy = alpha[..., None, None] ** 2 * own
    noisy = noisy + sigma[..., None, None] ** 2 * torch.eye(2, dtype=torch.float64)
    parts = torch.distributions.MultivariateNormal(alpha[..., None] * density.means, noisy)
    log_prob = (parts.log_prob(x_t[:, None]) + density.weights.log()).logsumexp(1)
    (score,) = torch.autograd.grad(log_prob.sum(), x_t)
    eps, x_t = -sigma * score, x_t.detach()
    x_0 = (x_t - sigma * eps) / alpha
    scale = (alpha**2 + sigma**2).sqrt()
    v = (alpha * eps - sigma * x_0) / scale
    return {"x_0": x_0, "eps": eps, "v": v, "score": score}


@every_process
@known
def test_every_estimate_is_exact(files: Pair, density: GaussianMixture) -> None:
    process, t = process_of(files), TIMES
    x_0 = density.sample(len(t), seed=3, dtype=torch.float64)
    eps = torch.linspace(-2, 2, 2 * len(t), dtype=torch.float64).reshape(-1, 2)
    x_t = process.perturb(x_0, t, eps)
    expected = truth(density, process, x_t, t)
    # What float64 keeps of x_t - alpha x_0 where there is little noise, and of
    # x_t - sigma eps where there is little signal.
    alpha, sigma = process.alpha(t)[:, None], process.sigma(t)[:, None]
    to_eps, to_x_0 = 1e-11 * (1 + alpha / sigma), 1e-11 * (1 + sigma / alpha)
    scale = (alpha**2 + sigma**2).sqrt()
    error = {
        "x_0": to_x_0,
        "eps": to_eps,
        "v": (alpha * to_eps + sigma * to_x_0) / scale,
        "score": to_eps / sigma,
    }
    for file in PREDICTIONS:
        denoiser = density.denoiser(process, prediction_of(file))
        found = dict(zip(("x_0", "eps"), denoiser.estimates(x_t, t), strict=True))
        close(alpha * found["x_0"] + sigma * found["eps"], x_t, rtol=1e-9, atol=1e-9)
        found |= {asked: getattr(denoiser, asked)(x_t, t) for asked in ("v", "score")}
        for asked, allowed in error.items():
            wrong = (found[asked] - expected[asked]).abs()
            assert (wrong <= 10 * allowed).all(), (file.stem, asked, wrong)


@every_process
def test_the_target_is_what_the_exact_network_is_the_mean_of(files: Pair) -> None:
    process, t = process_of(files), TIMES
    generator = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, len(t), 2, dtype=torch.float64, generator=generator)
    x_t = process.perturb(x_0, t, eps)
    for file in PREDICTIONS:
        denoiser = GAUSSIAN.denoiser(process, prediction_of(file))
        # An answer that is the target gives back the example it was made of.
        target = denoiser.target(x_0, eps, t)
        again = denoiser.estimates_from(target, x_t, t)
        rate = process.sigma(t) / process.alpha(t)
        for found, true, size in zip(again, (x_0, eps), (rate, 1 / rate), strict=True):
            assert ((found - true).abs() <= 1e-11 * (1 + size)[:, None]).all(), file.stem
        # And the estimate of the data moves with it by the slope.
        moved = denoiser.estimates_from(target + 1.0, x_t, t)[0] - again[0]
        slope = denoiser.x_0_slope(t)[:, None].expand_as(moved)
        assert ((moved - slope).abs() <= 1e-10 * (1 + rate)[:, None]).all(), file.stem


@known
@pytest.mark.parametrize("prediction", [X0(), V(), EDM(0.5)], ids=["x_0", "v", "edm"])
@pytest.mark.parametrize("kind", [VariancePreserving, SubVariancePreserving])
def test_data_is_found_where_no_signal_is_left(
    kind: type[Process], prediction: Prediction, density: GaussianMixture
) -> None:
    process, t = kind(ZeroTerminal(Linear())), torch.tensor(1.0, dtype=torch.float64)
    assert float(process.alpha(t)) == 0.0
    for x_t in (torch.randn(4, 2), torch.randn(4, 2, dtype=torch.float64)):
        denoiser = density.denoiser(process, prediction)
        x_0, eps = denoiser.estimates(x_t, t)
        # Nothing is known but the mean of the data.
        close(x_0, density.mean().expand(4, 2).to(x_t.dtype), rtol=1e-5, atol=3e-6)
        close(eps, x_t, rtol=1e-5, atol=3e-6)
        for asked in (denoiser.v, denoiser.score, denoiser):
            assert asked(x_t, t).isfinite().all()


def test_the_network_of_one_schedule_serves_another() -> None:
    x_t = torch.tensor([[0.3, 0.1]], dtype=torch.float64)
    first, second = (VariancePreserving(Cosine(*ends)) for ends in ((10, -10), (8, -12)))
    t = torch.tensor([0.4], dtype=torch.float64)
    s = second.time(first.log_snr(t))
    net = MIXTURE.denoiser(first, V()).net
    answers = [Denoiser(net, of, V()).x_0(x_t, at) for of, at in ((first, t), (second, s))]
    close(*answers)


def test_the_network_of_one_process_serves_another() -> None:
    preserving, exploding = VariancePreserving(Cosine()), VarianceExploding(Cosine())
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    x_t = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    net = Answer(lambda x, log_snr: torch.tanh(x) * log_snr[:, None])
    for file in PREDICTIONS:
        one = Denoiser(net, preserving, prediction_of(file))
        other = Denoiser(net, exploding, prediction_of(file))
        same = x_t / preserving.alpha(t)[:, None]
        for found, expected in zip(
            other.estimates(same, t), one.estimates(x_t, t), strict=True
        ):
            close(found, expected)
        close(other.x_0_slope(t), one.x_0_slope(t))
        close(other.score(same, t), one.score(x_t, t) * preserving.alpha(t)[:, None])


@pytest.mark.parametrize(
    "process", [VarianceExploding(Cosine()), SubVariancePreserving(Cosine())]
)
@pytest.mark.parametrize("prediction", [V(), EDM(0.5)], ids=["v", "edm"])
def test_the_network_sees_unit_variance_and_the_log_snr(
    process: Process, prediction: Prediction
) -> None:
    net = Answer(lambda x, log_snr: x)
    spread = 1.0 if isinstance(prediction, V) else 0.5
    x_0, eps = torch.randn(2, 4000, 3, generator=torch.Generator().manual_seed(0))
    t = torch.linspace(0, 1, 4000, dtype=torch.float64)
    x_t = process.perturb(spread * x_0, t, eps)
    Denoiser(net, process, prediction)(x_t, t)
    seen, log_snr = net.shown
    for part in seen.chunk(10):
        assert float(part.std()) == pytest.approx(1, abs=0.08)
    scale = ((spread * process.alpha(t)) ** 2 + process.sigma(t) ** 2).sqrt()[:, None]
    close(seen * scale.float(), x_t, rtol=1e-5, atol=1e-6)
    assert log_snr.shape == (4000,)
    assert log_snr.dtype == torch.float32
    close(log_snr, process.log_snr(t).float(), rtol=1e-6)


def test_the_log_snr_that_is_shown_is_finite() -> None:
    net = Answer(lambda x, log_snr: x)
    for process, shown in (
        (VariancePreserving(ZeroTerminal(Linear())), -30.0),
        (VariancePreserving(Cosine(10, -50)), -30.0),
        (VariancePreserving(Cosine(10, -20)), -20.0),
    ):
        Denoiser(net, process, V())(torch.zeros(2, 2), torch.tensor(1.0))
        assert net.shown[1].tolist() == pytest.approx([shown, shown])


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
    close(found, process.alpha(t) * x_t - process.sigma(t), rtol=1e-5)


def test_both_estimates_are_each_of_them() -> None:
    denoiser = MIXTURE.denoiser(VarianceExploding(Cosine()), EDM())
    x_t = 3 * torch.randn(len(TIMES), 2, generator=torch.Generator().manual_seed(0))
    x_0, eps = denoiser.estimates(x_t, TIMES)
    assert torch.equal(x_0, denoiser.x_0(x_t, TIMES))
    assert torch.equal(eps, denoiser.eps(x_t, TIMES))
    alpha, sigma = denoiser.scales(x_t, TIMES)
    assert alpha.shape == sigma.shape == (len(TIMES), 1)
    close(alpha * x_0 + sigma * eps, x_t, rtol=1e-5, atol=1e-5)


def test_one_estimate_costs_one_call() -> None:
    calls = []
    net = Answer(lambda x, log_snr: calls.append(1) or x)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), Eps())
    for ask in (denoiser.x_0, denoiser.eps, denoiser.v, denoiser.score, denoiser.estimates):
        calls.clear()
        ask(torch.ones(2, 2), torch.tensor(0.5))
        assert len(calls) == 1


def test_a_learned_schedule_is_trained_with_the_network() -> None:
    net = Answer(lambda x, log_snr: net.weight * x)
    process = VariancePreserving(Learned(units=4))
    denoiser = Denoiser(net, process, V())
    # A copy, as for an average of the weights, asks its own schedule.
    twin = copy.deepcopy(denoiser)
    assert twin.schedule is twin.process.schedule
    assert twin.schedule is not denoiser.schedule
    names = {name for name, _ in denoiser.named_parameters()}
    assert {"net.weight", "schedule.centre"} <= names
    x_0, eps, t = torch.ones(2, 3), torch.ones(2, 3), torch.tensor([0.3, 0.6])
    error = denoiser(process.perturb(x_0, t, eps), t) - denoiser.target(x_0, eps, t)
    error.square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in denoiser.parameters())


# ---- labels


def test_labels_reach_the_network_and_share_its_weights() -> None:
    net = Answer(lambda x, log_snr, *labels: net.weight * x)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V())
    x_t, t, labels = torch.ones(3, 2), torch.tensor(0.5), torch.tensor([0, 2, -1])
    told = denoiser.with_labels(labels)
    told(x_t, t)
    assert len(net.shown) == 3
    assert torch.equal(net.shown[2], labels)
    denoiser(x_t, t)
    assert len(net.shown) == 2  # the one that was not told knows nothing of it
    told.with_labels(None)(x_t, t)
    assert len(net.shown) == 2
    assert told.net is denoiser.net
    with torch.no_grad():
        net.weight.fill_(2.0)
    assert torch.equal(told(x_t, t), denoiser(x_t, t))
    assert {key for key, _ in told.named_parameters()} == {"net.weight"}


def test_a_label_is_a_component_of_the_mixture() -> None:
    process, t = VariancePreserving(Cosine()), torch.tensor(0.4, dtype=torch.float64)
    x_t = torch.tensor([[0.3, -0.2]] * 3, dtype=torch.float64)
    told = MIXTURE.denoiser(process, EDM()).with_labels(torch.tensor([0, 1, -1]))
    own = MIXTURE.axes @ torch.diag_embed(MIXTURE.variances) @ MIXTURE.axes.mT
    parts = [Gaussian(MIXTURE.means[k], covariance=own[k]) for k in (0, 1)]
    for row, density in enumerate([*parts, MIXTURE]):
        expected = density.posterior_mean(x_t[:1], process, t)
        close(told.x_0(x_t, t)[row : row + 1], expected, atol=1e-12)


# ---- the learned variance


@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)])
def test_the_second_half_is_the_share_of_the_variance(shape: tuple[int, ...]) -> None:
    net = Answer(lambda x, log_snr: torch.cat((x, torch.zeros_like(x) + 0.5), dim=1))
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V(), learned_variance=True)
    x_t, t = torch.randn(4, *shape), torch.tensor(0.5)
    output, share = denoiser.with_variance(x_t, t)
    close(output, net.shown[0])
    close(share, torch.full_like(x_t, 0.75))
    assert torch.equal(denoiser(x_t, t), output)
    assert denoiser.x_0(x_t, t).shape == x_t.shape


def test_the_exact_network_takes_the_smallest_variance() -> None:
    process, t = VariancePreserving(Cosine()), torch.tensor(0.5)
    x_t = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    denoiser = MIXTURE.denoiser(process, V(), learned_variance=True)
    output, share = denoiser.with_variance(x_t, t)
    assert torch.equal(output, MIXTURE.denoiser(process, V())(x_t, t))
    assert torch.equal(share, torch.zeros(4, 2))


def test_a_variance_that_was_not_learned_is_refused() -> None:
    denoiser = Denoiser(Answer(lambda x, log_snr: x), VariancePreserving(Cosine()), V())
    with pytest.raises(ValueError, match="no learned variance"):
        denoiser.with_variance(torch.zeros(3, 2), torch.tensor(0.5))


# ---- what does not fit


@pytest.mark.parametrize(
    ("channels", "answered", "learned"),
    [(1, 2, False), (2, 1, False), (1, 1, True), (2, 2, True), (2, 3, True), (1, 3, True)],
)
def test_an_answer_of_another_shape_is_refused(
    channels: int, answered: int, learned: bool
) -> None:
    net = Answer(lambda x, log_snr: torch.zeros(3, answered, 4, 4))
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V(), learned)
    shapes = rf"\(3, {answered}, 4, 4\).*\(3, {channels}, 4, 4\)"
    with pytest.raises(ValueError, match=shapes):
        denoiser(torch.zeros(3, channels, 4, 4), torch.tensor(0.5))


@pytest.mark.parametrize("shape", [(2,), (3, 1)])
def test_times_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    denoiser = Denoiser(Answer(lambda x, log_snr: x), VariancePreserving(Cosine()), Eps())
    with pytest.raises(ValueError, match="time"):
        denoiser.x_0(torch.zeros(3, 2), torch.full(shape, 0.5))


def test_the_score_of_the_process_is_not_that_of_the_unit_circle() -> None:
    process, t = VarianceExploding(Cosine()), torch.tensor([0.9], dtype=torch.float64)
    x_t = torch.tensor([[3.0, -1.0]], dtype=torch.float64)
    found = GAUSSIAN.denoiser(process, Score()).score(x_t, t)
    close(found, GAUSSIAN.at(process, t[0]).score(x_t))
