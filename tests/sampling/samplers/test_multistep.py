"""UniPC, DEIS and PNDM against their papers' formulas, and at their edges."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from tests.sampling.samplers.exact import MEAN, mixture_denoiser
from tests.sampling.samplers.test_interpolation import NODES, SHARES
from tests.sampling.samplers.test_ode import PROCESSES, X, every_process, time
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Linear, ZeroTerminal
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.deis import DEIS
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.pndm import PNDM
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Clip
from snowmelt.sampling.samplers.unipc import UniPC, step_weights

LUMPS = ([[-1.0], [0.6]], [0.3, 0.5], [0.4, 0.6])
# Unequal steps: rules for equal ones only would be seen.
TIMES = [time(t) for t in (0.9, 0.75, 0.6, 0.5, 0.42, 0.3, 0.1)]
Polynomial = Callable[[Tensor], Tensor]


def run(denoiser: Denoiser, sampler: Sampler, x: Tensor) -> Tensor:
    memory: Memory = {}
    for t, s in itertools.pairwise(TIMES):
        x = sampler.step(denoiser, x, t, s, x.new_zeros(0, *x.shape), memory)
    return x


def clock(process: Process, t: Tensor) -> Tensor:
    return torch.log(process.alpha(t) / process.sigma(t))


def through(places: list[Tensor], values: list[Tensor]) -> Polynomial:
    """Lagrange's polynomial, for a tensor of places along the last dimension."""

    def polynomial(at: Tensor) -> Tensor:
        total = torch.zeros(())
        for k, value in enumerate(values):
            share = torch.ones_like(at)
            for j, place in enumerate(places):
                if j != k:
                    share = share * (at - place) / (places[k] - place)
            total = total + value * share
        return total

    return polynomial


def integrated(of: Polynomial, first: Tensor, last: Tensor) -> Tensor:
    """The integral over a clock, by Gauss and Legendre."""
    at = first + 0.5 * (last - first) * (torch.from_numpy(NODES) + 1)
    return (0.5 * (last - first) * torch.from_numpy(SHARES) * of(at)).sum(-1, keepdim=True)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


# UniPC


def unipc_of_the_paper(denoiser: Denoiser, x: Tensor, p: int) -> Tensor:
    """Algorithms 1 and 2: predict, evaluate, go back and correct, predict."""
    process, state = denoiser.process, x
    clocks: list[Tensor] = []
    data: list[Tensor] = []

    def solved(
        start: Tensor, t: Tensor, s: Tensor, places: list[Tensor], values: list[Tensor]
    ) -> Tensor:
        now, after = clock(process, t), clock(process, s)
        h, alpha = after - now, process.alpha(s)
        base = process.sigma(s) / process.sigma(t) * start
        whole = -alpha * torch.expm1(-h)
        if len(places) == 1:
            return base + whole * values[0]
        if len(places) == 2:
            # a_1 = 1/2 with B(h) = e^h - 1, of the difference D / r.
            ratio = (places[1] - now) / h
            return base + whole * (values[0] + 0.5 / ratio * (values[1] - values[0]))
        exact = integrated(
            lambda at: torch.exp(at - after) * through(places, values)(at), now, after
        )
        return base + alpha * exact

    for number, t in enumerate(TIMES[:-1]):
        estimate = denoiser.x_0(x, t)
        if number:
            used = [*clocks[-p:][::-1], clock(process, t)]
            values = [*data[-p:][::-1], estimate]
            x = solved(state, TIMES[number - 1], t, used, values)
        clocks.append(clock(process, t))
        data.append(estimate)
        state = x
        x = solved(x, t, TIMES[number + 1], clocks[-p:][::-1], data[-p:][::-1])
    return x


@every_process
@pytest.mark.parametrize("p", [1, 2, 3])
def test_unipc_is_the_papers(process: Process, p: int) -> None:
    denoiser = mixture_denoiser(process, *LUMPS)
    close(run(denoiser, UniPC(9, points=p), X), unipc_of_the_paper(denoiser, X, p))


def test_its_prediction_by_two_is_dpm_solvers() -> None:
    h, before = 0.7, 0.45
    whole, ahead = 1 - torch.exp(torch.tensor(-h)).item(), h / (2 * before)
    found = step_weights([0.0, -before / h], h)
    assert found == pytest.approx([whole * (1 + ahead), -whole * ahead])


@every_process
def test_the_correction_leaves_what_was_put_in_place(process: Process) -> None:
    """A point's estimate never changes, so nothing is corrected but by rounding."""
    denoiser, sampler = mixture_denoiser(process, [[MEAN]], [0.0], [1.0]), UniPC(9)
    memory: Memory = {}
    x = sampler.step(denoiser, X, TIMES[0], TIMES[1], X[None, :0], memory)
    moved = sampler.step(denoiser, x + 0.5, TIMES[1], TIMES[2], X[None, :0], dict(memory))
    stayed = sampler.step(denoiser, x, TIMES[1], TIMES[2], X[None, :0], dict(memory))
    keep = process.sigma(TIMES[2]) / process.sigma(TIMES[1])
    close(moved - stayed, (0.5 * keep).expand(*X.shape))


def test_no_signal_at_all_is_a_place_for_unipc_to_start_from() -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    denoiser, memory = mixture_denoiser(process, *LUMPS), Memory()
    sampler, (t, s, u) = UniPC(9, points=3), (time(v) for v in (1.0, 0.8, 0.6))
    x = sampler.step(denoiser, X, t, s, X[None, :0], memory)
    first, second = denoiser.x_0(X, t), denoiser.x_0(x, s)
    close(x, process.alpha(s) * first + process.sigma(s) * X)
    # The correction is by halves; from an estimate infinitely far back nothing follows.
    mended = x + process.alpha(s) * 0.5 * (second - first)
    h = clock(process, u) - clock(process, s)
    expected = process.sigma(u) / process.sigma(s) * mended
    expected = expected - process.alpha(u) * torch.expm1(-h) * second
    close(sampler.step(denoiser, x, s, u, X[None, :0], memory), expected)
    assert len(memory["past"]) == 1
    drawn = sample(denoiser, UniPC(20), torch.arange(50), (1,), seed=0)
    assert drawn.isfinite().all()
    assert drawn.abs().max() < 3.0


@pytest.mark.parametrize(("points", "order"), [(1, 2), (2, 3), (3, 3)])
def test_the_order_of_unipc(points: int, order: int) -> None:
    assert UniPC(5, points=points).order == order


# DEIS


@every_process
@pytest.mark.parametrize("points", [1, 2, 3, 4])
def test_deis_is_the_papers(process: Process, points: int) -> None:
    denoiser, x = mixture_denoiser(process, *LUMPS), X
    clocks: list[Tensor] = []
    noises: list[Tensor] = []
    for t, s in itertools.pairwise(TIMES):
        clocks.append(clock(process, t))
        noises.append(denoiser.eps(x, t))
        eps = through(clocks[-points:], noises[-points:])
        # dy = eps dr with r = exp(-clock).
        slope = integrated(
            lambda at, eps=eps: -torch.exp(-at) * eps(at), clocks[-1], clock(process, s)
        )
        x = process.alpha(s) * (x / process.alpha(t) + slope)
    close(run(denoiser, DEIS(9, points=points), X), x)


@every_process
def test_deis_of_one_point_is_ddim(process: Process) -> None:
    denoiser = mixture_denoiser(process, *LUMPS)
    close(run(denoiser, DEIS(9, points=1), X), run(denoiser, DDIM(9), X))


# PNDM


def moved(process: Process, x: Tensor, eps: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """Equation 9 of the paper, in its own form."""
    a, b = process.alpha(t) ** 2, process.alpha(s) ** 2
    below = a.sqrt() * (((1 - b) * a).sqrt() + ((1 - a) * b).sqrt())
    return (b / a).sqrt() * x - (b - a) / below * eps


def test_pndm_is_the_papers() -> None:
    """Runge and Kutta's steps, then Adams and Bashforth's, in equal steps."""
    process = PROCESSES["preserving"]
    denoiser, x, memory = mixture_denoiser(process, *LUMPS), X, Memory()
    times, noises = [time(v / 10) for v in range(9, 1, -1)], []
    sampler = PNDM(9)
    found = X
    for t, s in itertools.pairwise(times):
        noises.append(denoiser.eps(x, t))
        if len(noises) < 4:
            middle, one = 0.5 * (t + s), noises[-1]
            two = denoiser.eps(moved(process, x, one, t, middle), middle)
            three = denoiser.eps(moved(process, x, two, t, middle), middle)
            four = denoiser.eps(moved(process, x, three, t, s), s)
            eps = (one + 2 * two + 2 * three + four) / 6
        else:
            weighed = zip((55, -59, 37, -9), noises[::-1], strict=False)
            eps = sum(weight * noise for weight, noise in weighed) / 24
        x = moved(process, x, eps, t, s)
        found = sampler.step(denoiser, found, t, s, X[None, :0], memory)
        close(found, x)


@every_process
def test_pndm_takes_the_mean_over_unequal_steps(process: Process) -> None:
    """A noise that is a cubic in time: its mean is met, whatever the steps."""

    class Cubic:
        def __init__(self, process: Process) -> None:
            self.process = process

        def estimates(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            eps = (1 - 2 * t + 3 * t**2 - t**3).expand(x.shape)
            alpha, sigma = self.process.alpha(t), self.process.sigma(t)
            return (x - sigma * eps) / alpha, eps

    memory, x = Memory(), X
    for t, s in itertools.pairwise(TIMES):
        at = 0.5 * (t + s) + 0.5 * (s - t) * torch.from_numpy(NODES)
        mean = (0.5 * torch.from_numpy(SHARES) * (1 - 2 * at + 3 * at**2 - at**3)).sum()
        keep = process.alpha(s) / process.alpha(t)
        expected = keep * x + (process.sigma(s) - keep * process.sigma(t)) * mean
        x = PNDM(9).step(Cubic(process), x, t, s, X[None, :0], memory)  # type: ignore[arg-type]
        close(x, expected)


def test_who_repeats_a_step_of_pndm_begins_again() -> None:
    assert PNDM(10).repeated_evaluations(1) == PNDM(10).evaluations == 19
    assert PNDM(10).repeated_evaluations(3) == 4 * 9 * 3 + 1
    assert DPM(10).repeated_evaluations(3) == 28


# All of them


MADE = [UniPC(7), UniPC(7, points=3), DEIS(7), DEIS(7, points=4), PNDM(7), PNDM(2)]
every_rule = pytest.mark.parametrize("sampler", MADE, ids=lambda made: type(made).__name__)


@every_rule
def test_the_network_is_called_as_often_as_is_said(sampler: Sampler) -> None:
    denoiser, calls = mixture_denoiser(PROCESSES["preserving"], *LUMPS), []
    denoiser.net.register_forward_hook(lambda *_: calls.append(1))
    sample(denoiser, sampler, torch.arange(3), (1,), seed=0)
    assert len(calls) == sampler.evaluations
    assert sampler.draws == 0


@every_rule
def test_thresholds_are_kept_and_the_memory_is_short(sampler: Sampler) -> None:
    denoiser = mixture_denoiser(PROCESSES["preserving"], [[MEAN]], [5.0], [1.0])
    sampler.threshold, memory = Clip(), Memory()
    x = torch.tensor([[-4.0], [0.1], [4.0]], dtype=torch.float64)
    for t, s in itertools.pairwise(TIMES):
        x_0_hat, eps_hat = sampler.estimates(denoiser, x, t)
        x = sampler.step(denoiser, x, t, s, x.new_zeros(0, *x.shape), memory)
        kept = memory["past"][0][1]
        assert torch.equal(kept, x_0_hat if isinstance(sampler, UniPC) else eps_hat)
        assert len(memory["past"]) <= getattr(sampler, "points", 4)
    last = sampler.last(denoiser, x, TIMES[-1])
    assert last.abs().max() <= 1.0
    sampler.threshold = None


@pytest.mark.parametrize(
    ("kind", "points", "said"),
    [
        (UniPC, 0, "1 and 3"),
        (UniPC, 4, "1 and 3"),
        (DEIS, 5, "1 and 4"),
        (DEIS, 0, "1 and 4"),
    ],
)
def test_refused_arguments(kind: type[UniPC] | type[DEIS], points: int, said: str) -> None:
    with pytest.raises(ValueError, match=f"points must lie between {said}, got {points}"):
        kind(5, points=points)


@pytest.mark.parametrize("kind", [DEIS, PNDM])
def test_rules_on_the_noise_need_signal(kind: type[DEIS] | type[PNDM]) -> None:
    process = VariancePreserving(ZeroTerminal(Linear()))
    with pytest.raises(ValueError, match="needs the slope of the log-SNR"):
        kind(5).times(process)
