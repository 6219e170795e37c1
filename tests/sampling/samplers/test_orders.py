"""Every sampler of conf/ converges as fast as it declares; a wrong one would be seen."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.sampling.samplers.exact import Between, mixture_denoiser
from tests.sampling.samplers.orders import (
    FILES,
    FIRST,
    LAST,
    PROCESSES,
    TOLERANCE,
    adaptive_errors,
    built,
    chooses_its_steps,
    counts,
    errors,
    fitted,
    slope,
    table,
)

from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.dpm import DPM
from snowmelt.sampling.samplers.edm import EDM
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.unipc import UniPC

STEPPING = [file for file in FILES if not chooses_its_steps(file)]
ADAPTIVE = [file for file in FILES if chooses_its_steps(file)]
every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
every_stepping = pytest.mark.parametrize("file", STEPPING, ids=lambda file: file.stem)
# What the files of conf/ leave open.
VARIANTS: list[tuple[type[Sampler], dict[str, Any]]] = [
    (UniPC, {"points": 1}),
    (EDM, {"churn": 0.0}),
    (EDM, {"churn": 10.0, "churn_min": 0.3, "churn_max": 20.0}),
    (DPM, {"eta": 0.5}),
    (DDIM, {"eta": 0.5}),
]


@every_process
@every_stepping
def test_the_declared_order_is_what_one_measures(file: Path, process: Process) -> None:
    own = counts(file)
    found = errors(lambda steps: built(file, steps), process, own)
    assert -slope(own, found) == pytest.approx(built(file, 2).order, abs=TOLERANCE)
    assert found[-1] < (0.02 if built(file, 2).order == 1 else 1e-3)


@pytest.mark.parametrize(
    ("kind", "arguments"), VARIANTS, ids=lambda value: str(value).split(".")[-1]
)
def test_and_so_for_other_arguments(kind: type[Sampler], arguments: dict[str, Any]) -> None:
    # From t = 1, where sigma / alpha is over 100, the order shows only in finer steps.
    def make(steps: int) -> Sampler:
        return kind(steps + 1, grid=Between(0.9, LAST), **arguments)

    for process in PROCESSES.values():
        order = kind(2, **arguments).order
        assert fitted(make, process) == pytest.approx(order, abs=TOLERANCE)


@every_process
@pytest.mark.parametrize("file", ADAPTIVE, ids=lambda file: file.stem)
def test_a_smaller_tolerance_is_a_smaller_error(file: Path, process: Process) -> None:
    coarse, fine, finest = adaptive_errors(file, process)
    assert coarse < 0.03
    assert fine < coarse / 10
    assert finest < fine / 10
    assert finest < 1e-6


# Data of two lumps, whose estimate is no affine map.
LUMPS: dict[str, Any] = {
    "means": [[-1.0], [0.6]],
    "stds": [0.3, 0.5],
    "weights": [0.4, 0.6],
}
STARTS = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)[:, None]


@functools.cache
def ends(process: Process) -> torch.Tensor:
    """Where the paths from STARTS lead, to nine digits."""
    denoiser = mixture_denoiser(process, **LUMPS)
    times = torch.tensor([FIRST, LAST], dtype=torch.float64)
    exact = Adaptive(rtol=1e-9, atol=1e-11, method="DOP853")
    return exact._path(denoiser, STARTS, times)[-1]


@every_process
@pytest.mark.parametrize(
    "file", [f for f in STEPPING if not built(f, 2).draws], ids=lambda file: file.stem
)
def test_the_order_holds_where_the_estimate_bends(file: Path, process: Process) -> None:
    denoiser, truth = mixture_denoiser(process, **LUMPS), ends(process)
    found, own = [], counts(file)
    for steps in own:
        sampler, x, memory = built(file, steps), STARTS, {}
        times = sampler.times(process)
        for t, s in itertools.pairwise(times):
            x = sampler.step(denoiser, x, t, s, x.new_zeros(0, *x.shape), memory)
        found.append(float((x - truth).norm()))
    # The last two only: the bend needs finer steps before the order shows.
    seen = -slope(own[1:], found[1:])
    assert seen == pytest.approx(built(file, 2).order, abs=0.25)


Change = Callable[..., torch.Tensor]


def too_much_noise(step: Change, denoiser: Any, x: Any, t: Any, s: Any, *rest: Any) -> Any:
    noise, memory = rest
    return step(denoiser, x, t, s, 1.1 * noise, memory)


def flipped_sign(step: Change, denoiser: Any, x: Any, t: Any, s: Any, *rest: Any) -> Any:
    return 2.0 * x - step(denoiser, x, t, s, *rest)


def alpha_off_by_one(
    step: Change, denoiser: Any, x: Any, t: Any, s: Any, *rest: Any
) -> Any:
    process = denoiser.process
    return process.alpha(t) / process.alpha(s) * step(denoiser, x, t, s, *rest)


MUTATIONS: list[Change] = [too_much_noise, flipped_sign, alpha_off_by_one]


def mutated(sampler: Sampler, change: Change) -> Sampler:
    """The same sampler with another step."""
    kind: type = type(sampler)

    def step(self: Sampler, *arguments: Any) -> torch.Tensor:
        return change(super(wrong, self).step, *arguments)

    wrong = type(f"Wrong{kind.__name__}", (kind,), {"step": step})
    sampler.__class__ = wrong
    return sampler


@pytest.mark.parametrize("change", MUTATIONS, ids=lambda change: change.__name__)
@every_stepping
def test_a_wrong_step_does_not_pass(file: Path, change: Change) -> None:
    if change is too_much_noise and not built(file, 2).draws:
        return
    two, process = counts(file)[:2], PROCESSES["cosine"]
    found = errors(lambda steps: mutated(built(file, steps), change), process, two)
    seen = -slope(two, found)
    assert seen != pytest.approx(built(file, 2).order, abs=TOLERANCE)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_without_its_memory_the_multistep_rule_is_of_first_order(eta: float) -> None:
    def forget(step: Change, *arguments: Any) -> torch.Tensor:
        arguments[-1].clear()
        return step(*arguments)

    def make(steps: int) -> Sampler:
        return mutated(DPM(steps + 1, eta, grid=Between(FIRST, LAST)), forget)

    assert fitted(make, PROCESSES["cosine"]) == pytest.approx(1, abs=TOLERANCE)


def test_more_noise_than_the_marginals_allow_does_not_converge() -> None:
    def make(steps: int) -> Sampler:
        grid = Between(FIRST, LAST)
        return EDM(steps + 1, churn=10.0, noise_scale=1.05, grid=grid)

    assert abs(fitted(make, PROCESSES["cosine"])) < 0.3


@pytest.mark.slow
def test_the_table_has_every_sampler() -> None:
    text = table()
    for file in FILES:
        assert f"| {file.stem} |" in text
