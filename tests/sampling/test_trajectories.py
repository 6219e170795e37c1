"""Paths there and back: the moments that theory gives, and keyed noise."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import (
    Cosine,
    Exponential,
    Geometric,
    Linear,
    RandomWalk,
    ZeroTerminal,
)
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.trajectories import forward, reverse, visible_scale

N = 20_000
PROCESSES: dict[str, Process] = {
    "vp": VariancePreserving(Cosine()),
    "ve": VarianceExploding(Geometric()),
    "sub_vp": SubVariancePreserving(Linear()),
    "no_signal": VariancePreserving(ZeroTerminal(Linear())),
}
TIMES = double(0.0, 0.02, 0.2, 0.35, 0.7, 1.0)
VP = PROCESSES["vp"]


def moments(states: Tensor) -> tuple[Tensor, Tensor]:
    """Means and covariances over paths. Shapes: (K, N, 1) -> (K,), (K, K)"""
    return states[..., 0].mean(1), states[..., 0].cov()


def agrees(found: Tensor, expected: Tensor) -> None:
    """Covariances of N normal draws, within five of their standard errors."""
    own = expected.diagonal()
    error = ((torch.outer(own, own) + expected**2) / N).sqrt()
    assert ((found - expected).abs() <= 5 * error).all()


@pytest.mark.parametrize("name", PROCESSES)
def test_marginals_and_all_covariances_are_those_of_the_markov_chain(name: str) -> None:
    # Normal variables are a Markov chain if and only if this is their covariance.
    process = PROCESSES[name]
    x_0 = torch.full((N, 1), 1.3, dtype=torch.float64)
    path = forward(process, x_0, TIMES, seed=0)
    assert torch.equal(path.times, TIMES)
    assert torch.equal(path.states[0], x_0)
    assert path.states.shape == (6, N, 1)
    later = TIMES[1:]
    alpha, sigma = process.alpha(later), process.sigma(later)
    mean, covariance = moments(path.states[1:])
    assert ((mean - 1.3 * alpha).abs() <= 5 * sigma / math.sqrt(N)).all()
    # Of s < t: alpha_t / alpha_s times the variance at s.
    early = torch.minimum(later[:, None], later[None])
    late = torch.maximum(later[:, None], later[None])
    expected = process.alpha(late) / process.alpha(early) * process.sigma(early) ** 2
    expected[-1, -1] = sigma[-1] ** 2
    agrees(covariance, expected)


@pytest.mark.parametrize("name", PROCESSES)
def test_every_step_is_a_draw_of_the_kernel(name: str) -> None:
    process, times = PROCESSES[name], double(0.0, 0.1, 0.4, 0.95)
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randn(7, 3, dtype=torch.float64, generator=generator)
    x = forward(process, x_0, times, seed=4).states
    index = torch.arange(7)
    noise = [
        normal((3,), seed=4, stream=Stream.TRAJECTORY, index=index, step=k).double()
        for k in range(4)
    ]
    close(x[1], process.alpha(times[1]) * x_0 + process.sigma(times[1]) * noise[1])
    for k in (2, 3):
        s, t = times[k - 1], times[k]
        ratio = process.alpha(t) / process.alpha(s)
        std = (process.sigma(t) ** 2 - (ratio * process.sigma(s)) ** 2).sqrt()
        close(x[k], ratio * x[k - 1] + std * noise[k], rtol=1e-7, atol=1e-7)


def test_the_variance_of_a_random_walk_grows_linearly() -> None:
    process = VarianceExploding(RandomWalk(variance_start=1e-4, variance_end=9.0))
    times = torch.linspace(0, 1, 10, dtype=torch.float64)
    x_0 = torch.full((N, 1), 0.4, dtype=torch.float64)
    steps = forward(process, x_0, times, seed=1).states[..., 0].diff(dim=0)
    # Independent increments of one variance: nine of them make nine.
    agrees(steps.cov(), torch.eye(9, dtype=torch.float64))
    variance = steps.cumsum(0).var(1)
    slope = torch.arange(1, 10, dtype=torch.float64)
    assert ((variance - slope).abs() <= 5 * slope * math.sqrt(2 / N)).all()


def test_ornstein_and_uhlenbeck_forget_at_a_constant_rate() -> None:
    start = 1e-6
    process = VariancePreserving(Exponential(rate=4.0, start=start))
    x_0 = normal((1,), seed=5, stream=Stream.DENSITY, index=torch.arange(N)).double()
    times = double(0.0, 0.1, 0.25, 0.5, 1.0)
    _, covariance = moments(forward(process, x_0, times, seed=1).states)
    # The rate of forgetting is half of beta.
    agrees(covariance, torch.exp(-2.0 * (times[:, None] - times[None]).abs()))


def test_more_times_between_change_no_law() -> None:
    x_0 = torch.full((N, 1), -0.6, dtype=torch.float64)
    fine = forward(VP, x_0, torch.linspace(0, 1, 41).double(), seed=2).states[[16, 40]]
    coarse = forward(VP, x_0, [0.0, 0.4, 1.0], seed=3).states[1:]
    for one, other in zip(fine, coarse, strict=True):
        gap = one.mean() - other.mean()
        assert abs(gap) <= 5 * math.sqrt(2 / N) * one.std()
        assert abs(one.var() / other.var() - 1) <= 5 * math.sqrt(4 / N)
    assert not torch.equal(fine[0], coarse[0])


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
def test_a_path_does_not_depend_on_its_batch(shape: tuple[int, ...]) -> None:
    index = torch.tensor([0, 5, 3, 2**35, 1])
    x_0 = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))
    whole = forward(VP, x_0, TIMES, seed=9, index=index)
    assert whole.states.shape == (6, 5, *shape)
    assert whole.states.dtype == torch.float32
    assert whole.times.dtype == torch.float64
    for rows in ([0], [3, 1], [4, 2, 0]):
        part = forward(VP, x_0[rows], TIMES, seed=9, index=index[rows])
        assert torch.equal(part.states, whole.states[:, rows])
    counted = forward(VP, x_0, TIMES, seed=9, index=torch.arange(5))
    assert torch.equal(forward(VP, x_0, TIMES, seed=9).states, counted.states)
    assert not torch.equal(forward(VP, x_0, TIMES, seed=8).states, counted.states)


def test_a_beginning_is_that_of_the_longer_path() -> None:
    x_0 = torch.ones(4, 2)
    whole = forward(VP, x_0, TIMES, seed=0).states
    for count in range(1, 6):
        assert torch.equal(forward(VP, x_0, TIMES[:count], seed=0).states, whole[:count])


@pytest.mark.parametrize(
    ("times", "named"),
    [
        ([0.1, 0.5], "starts at 0"),
        ([], "starts at 0"),
        ([[0.0, 1.0]], "starts at 0"),
        ([0.0, 0.5, 0.5], "must rise"),
        ([0.0, 0.5, 0.4], "must rise"),
        ([0.0, 1.1], "no more than 1"),
        ([0.0, math.nan], "must rise"),
    ],
)
def test_times_that_are_none_are_refused(times: list, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        forward(VP, torch.zeros(3, 2), times, seed=0)


def test_an_index_for_each_path_is_needed() -> None:
    with pytest.raises(ValueError, match=r"each of 3 paths.*\(2,\)"):
        forward(VP, torch.zeros(3, 2), TIMES, seed=0, index=torch.arange(2))


# ---- the way back


@pytest.mark.parametrize("sampler", [Heun(8), EulerMaruyama(12), Adaptive(5)])
def test_the_way_back_ends_in_what_the_sampler_draws(sampler: Sampler) -> None:
    denoiser = DoubleGaussian().denoiser(VP, V())
    index = torch.tensor([3, 0, 8])
    path = reverse(denoiser, sampler, index, (2,), seed=6)
    assert torch.equal(path.states[-1], sample(denoiser, sampler, index, (2,), seed=6))
    expected = torch.cat((sampler.times(VP), double(0.0)))
    close(path.times, expected)
    assert path.times.dtype == torch.float64
    assert path.states.shape == (len(expected), 3, 2)
    start = normal((2,), seed=6, stream=Stream.SAMPLING_START, index=index)
    assert torch.equal(path.states[0], start)
    assert (path.states.diff(dim=0).abs().amax((1, 2)) > 0).all()


def test_the_state_at_a_time_is_what_a_watcher_saw() -> None:
    denoiser, seen = DoubleGaussian().denoiser(VP, V()), []
    arguments = denoiser, EulerMaruyama(6), torch.arange(4), (2,)
    path = reverse(*arguments, seed=1)
    sample(*arguments, seed=1, watch=lambda step, t, x: seen.append((float(t), x.clone())))
    assert [t for t, _ in seen] == path.times.tolist()
    assert torch.equal(torch.stack([x for _, x in seen]), path.states)


@pytest.mark.parametrize("time", [0.0, 0.5, 1.0])
def test_states_are_shrunk_only_where_variance_grew(time: float) -> None:
    t = torch.tensor(time, dtype=torch.float64)
    schedule = Geometric(0.01, 50.0)
    for process in (VariancePreserving(schedule), SubVariancePreserving(schedule)):
        assert visible_scale(process, t) == 1.0
    exploding: Process = VarianceExploding(schedule)
    length = (1.0 + float(exploding.sigma(t)) ** 2) ** 0.5
    assert visible_scale(exploding, t) == pytest.approx(1.0 / length)
