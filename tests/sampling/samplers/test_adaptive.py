"""The library's solver: blocks that no batch can change, labels, films, accuracy."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.sampling.samplers.exact import (
    Between,
    Exact,
    gaussian_denoiser,
    mixture_denoiser,
)
from tests.sampling.samplers.test_ode import PROCESSES, every_process, flow, time
from torch import Tensor, nn

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Linear, ZeroTerminal
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.constraint import Constraint
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.thresholds import Clip

PRESERVING = PROCESSES["preserving"]
LUMPS = ([[-1.0, 0.0], [0.6, 1.0]], [0.1, 0.5], [0.4, 0.6])


def lumps(process: Process = PRESERVING) -> tuple[Denoiser, list[int]]:
    """A denoiser whose flow bends, and the sizes of the batches that it was asked for."""
    denoiser, sizes = mixture_denoiser(process, *LUMPS), []
    denoiser.net.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    return denoiser, sizes


def test_a_sample_travels_with_its_block_whatever_was_asked_for() -> None:
    denoiser, sizes = lumps()
    sampler = Adaptive(5, block=4, rtol=1e-2, atol=1e-2)

    def draw(*index: int) -> Tensor:
        return sample(denoiser, sampler, torch.tensor(index), (2,), seed=3)

    whole = draw(*range(10))
    assert whole.dtype == torch.float32
    for index in ((9,), (0, 9), (5, 4, 5), (7, 2, 8, 0), (8, 9)):
        assert torch.equal(draw(*index), whole[list(index)])
    assert set(sizes) == {4}
    # The company matters, or blocks would be for nothing.
    other = Adaptive(5, block=1, rtol=1e-2, atol=1e-2)
    alone = sample(denoiser, other, torch.arange(10), (2,), seed=3)
    assert not torch.equal(alone, whole)
    torch.testing.assert_close(alone, whole, rtol=0, atol=0.1)
    assert not (draw(0) == sample(denoiser, sampler, torch.tensor([0]), (2,), seed=4)).any()


class Classes(nn.Module):
    """A Gaussian for each label; without one, at the origin."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.ModuleList(
            Exact(V(), [[mean]], [0.2], [1.0]) for mean in (0.0, -2.0, 1.0)
        )

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        answers = torch.stack([net(x, log_snr) for net in self.each])
        return answers[labels + 1, torch.arange(len(x))]


def test_with_labels_each_sample_travels_alone() -> None:
    net, sizes = Classes(), []
    net.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    denoiser = Denoiser(net, PRESERVING, V())
    sampler, labels = Adaptive(5, block=4), torch.tensor([0, 1, 1, -1, 0, 1])

    def draw(index: Tensor) -> Tensor:
        return sample(denoiser.with_labels(labels[index]), sampler, index, (1,), seed=3)

    whole = draw(torch.arange(6))
    assert set(sizes) == {1}
    means = torch.tensor([0.0, -2.0, 1.0])[labels + 1]
    assert (whole[:, 0] - means).abs().max() < 0.8
    for index in (torch.tensor([4]), torch.tensor([5, 0, 3])):
        assert torch.equal(draw(index), whole[index])
    seen, told = [], denoiser.with_labels(labels)
    sample(
        told, sampler, torch.arange(6), (1,), seed=3, watch=lambda *at: seen.append(at[2])
    )
    assert [x.shape for x in seen] == [(6, 1)] * 6
    drawn = normal((1,), seed=3, stream=Stream.SAMPLING_START, index=torch.arange(6))
    torch.testing.assert_close(seen[0], drawn)
    assert torch.equal(seen[-1], whole)


@every_process
@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
def test_it_follows_the_exact_flow(process: Process, method: str) -> None:
    denoiser, index, states = gaussian_denoiser(process), torch.arange(3), {}
    sampler = Adaptive(
        4, rtol=1e-6, atol=1e-6, method=method, end=0.02, grid=Between(0.9, 0.02)
    )
    data = sample(
        denoiser,
        sampler,
        index,
        (1,),
        seed=0,
        watch=lambda k, t, x: states.update({k: (t, x)}),
    )
    start = states[0][1].double()
    for t, x in (states[k] for k in range(4)):
        expected = flow(process, start, time(0.9), t)
        scale = float(process.alpha(t) ** 2 + process.sigma(t) ** 2) ** 0.5
        torch.testing.assert_close(x.double() / scale, expected / scale, rtol=0, atol=1e-4)
    assert float(states[3][0]) == 0.02
    torch.testing.assert_close(data, denoiser.x_0(states[3][1], time(0.02)))


def test_the_start_is_the_noise_of_its_index() -> None:
    process, seen = PROCESSES["exploding"], []
    sampler = Adaptive(3, rtol=1e-2, atol=1e-2)
    index = torch.tensor([20, 3])
    denoiser = gaussian_denoiser(process)
    sample(denoiser, sampler, index, (1,), seed=7, watch=lambda k, t, x: seen.append(x))
    drawn = normal((1,), seed=7, stream=Stream.SAMPLING_START, index=index)
    torch.testing.assert_close(seen[0], drawn * process.prior_std())


def test_a_film_changes_nothing_and_ends_with_the_data() -> None:
    denoiser, _ = lumps()
    index, seen = torch.tensor([5, 1]), []
    sampler = Adaptive(6, block=4)
    data = sample(
        denoiser, sampler, index, (2,), seed=3, watch=lambda *frame: seen.append(frame)
    )
    assert torch.equal(data, sample(denoiser, sampler, index, (2,), seed=3))
    assert torch.equal(data, sample(denoiser, Adaptive(40, block=4), index, (2,), seed=3))
    assert [step for step, _, _ in seen] == list(range(7))
    assert [float(t) for _, t, _ in seen] == pytest.approx(
        [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1e-3, 0]
    )
    assert all(x.shape == (2, 2) for _, _, x in seen)
    assert torch.equal(seen[-1][2], data)


def test_calls_are_counted_afterwards() -> None:
    denoiser, sizes = lumps()
    sampler = Adaptive(block=4)
    assert sampler.evaluations == 0
    sample(denoiser, sampler, torch.arange(4), (2,), seed=0)
    assert sampler.evaluations == len(sizes) > 20
    sample(denoiser, sampler, torch.arange(4, 16), (2,), seed=0)
    assert sampler.evaluations == round(len(sizes) / 4)
    assert sampler.draws == 0
    finer = Adaptive(block=4, rtol=1e-7, atol=1e-7)
    sample(denoiser, finer, torch.arange(4), (2,), seed=0)
    assert finer.evaluations > 2 * sampler.evaluations


def test_method_and_threshold_reach_the_solver() -> None:
    denoiser, sizes = lumps()
    x, (t, s) = torch.full((1, 2), 0.8, dtype=torch.float64), (time(0.6), time(0.3))
    calls = set()
    for name in ("RK23", "RK45", "DOP853"):
        sizes.clear()
        Adaptive(method=name).step(denoiser, x, t, s, x[None, :0], {})
        calls.add(len(sizes))
    assert len(calls) == 3
    # The error allowed is the sum of both: each shows where the other one is small.
    needed = []
    for tolerances in ((1e-9, 1e-9), (1e-3, 1e-9), (1e-9, 1e-3)):
        sizes.clear()
        Adaptive(rtol=tolerances[0], atol=tolerances[1]).step(
            denoiser, x, t, s, x[None, :0], {}
        )
        needed.append(len(sizes))
    assert max(needed[1:]) < needed[0]
    wide = mixture_denoiser(PRESERVING, [[3.0, 3.0]], [0.5], [1.0])
    free, held = (
        Adaptive(threshold=threshold).step(wide, x, t, s, x[None, :0], {})
        for threshold in (None, Clip())
    )
    assert (free - held).min() > 0.01


def test_a_step_by_itself_knows_no_company() -> None:
    denoiser, _ = lumps()
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sampler, (t, s) = Adaptive(), (time(0.9), time(0.4))
    whole = sampler.step(denoiser, x, t, s, x[None, :0], {})
    assert torch.equal(sampler.step(denoiser, x[1:2], t, s, x[None, :0], {}), whole[1:2])


class Nothing(Constraint):
    def impose(self, process: Process, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        return x_t


def test_what_cannot_be_done_is_refused() -> None:
    denoiser, _ = lumps()
    index = torch.arange(2)
    with pytest.raises(ValueError, match=r"Adaptive .*constraint"):
        sample(denoiser, Adaptive(), index, (2,), seed=0, constraint=Nothing())
    with pytest.raises(ValueError, match="needs the slope"):
        Adaptive().times(VariancePreserving(ZeroTerminal(Linear())))
    for sampler in (Adaptive(1), Adaptive(50, grid=Between(1.0, 1e-4), end=0.5)):
        with pytest.raises(ValueError, match="two or more times, and all but the last"):
            sample(denoiser, sampler, index, (2,), seed=0)


class Broken(nn.Module):
    """Not a number, or an answer without any continuity."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value, self.calls = value, 0

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        self.calls += 1
        return torch.full_like(x, self.value if self.calls % 2 else -self.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "at t = 1 is not finite"),
        (1e9, "come to t = 1 after 99 evaluations"),
    ],
)
def test_a_solver_that_gives_up_says_so(value: float, said: str) -> None:
    denoiser = Denoiser(Broken(value), PRESERVING, V())
    with pytest.raises(RuntimeError, match=said):
        sample(denoiser, Adaptive(limit=99), torch.arange(2), (2,), seed=0)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"rtol": 0.0}, "rtol must be positive and finite, got 0.0"),
        ({"atol": math.inf}, "atol must be positive and finite, got inf"),
        ({"method": "LSODA"}, "method must be one of RK23, RK45, DOP853, got LSODA"),
        ({"block": 0}, "block must be at least 1, got 0"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"end": 0.0}, "end must lie between 0 and 1, got 0.0"),
        ({"end": 1.0}, "end must lie between 0 and 1, got 1.0"),
    ],
)
def test_refused_arguments(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Adaptive(**arguments)
