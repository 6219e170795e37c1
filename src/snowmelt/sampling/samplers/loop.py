"""The one loop that runs all samplers."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.constraint import Constraint
from snowmelt.sampling.samplers.sampler import Memory, Sampler, Watcher, WholePath


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    sampler: Sampler,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    seed: int,
    watch: Watcher | None = None,
    constraint: Constraint | None = None,
) -> Tensor:
    r"""Draw one sample for each index.

    All noise is keyed by (seed, index), so a sample does not depend on the batch it was
    drawn in.

    Args:
        index: which samples to draw, on the device of the denoiser.
        shape: the event shape, `*D`.
        seed: of the noise.
        watch, constraint: see `descend`.

    Shapes:
        index: (B,) -> (B, *shape), float32 in the model's range

    Raises:
        ValueError: the sampler and the grid, the process, the constraint or the flow do not
            go together.
    """
    check_flow(denoiser, sampler)
    scale = start_std(denoiser.process, sampler.times(denoiser.process)[0])

    def start(wanted: Tensor) -> Tensor:
        return starts(denoiser, wanted, shape, seed=seed, scale=scale)

    if not isinstance(sampler, WholePath):
        x = start(index)
        return descend(
            denoiser, sampler, x, index=index, seed=seed, watch=watch, constraint=constraint
        )
    if constraint is not None:
        raise ValueError(
            f"{type(sampler).__name__} chooses its own steps, and cannot be held to a"
            " constraint between them"
        )
    return sampler.integrate(denoiser, index, start, watch)


def starts(
    denoiser: Denoiser,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    seed: int,
    scale: float = 1.0,
) -> Tensor:
    """Where the way to each sample begins: at the denoiser's starts, else in noise.

    Args:
        scale: of the noise.

    Shapes:
        index: (B,) -> (B, *shape)
    """
    if denoiser.start is not None:
        return denoiser.start(index, seed)
    noise = normal(shape, seed=seed, stream=Stream.SAMPLING_START, index=index)
    return noise * scale


def check_flow(denoiser: Denoiser, sampler: Sampler) -> None:
    """Refuse a sampler that adds noise for a flow without a score.

    Raises:
        ValueError: naming the sampler.
    """
    if not can_follow(denoiser, sampler):
        raise ValueError(
            f"{type(sampler).__name__} adds noise and takes it away again by the score,"
            " which this flow does not know: take a deterministic sampler"
        )


def can_follow(denoiser: Denoiser, sampler: Sampler) -> bool:
    """Whether a denoiser knows the score that a sampler's noise needs, if it adds any."""
    is_bridge = sampler.walks_bridges and isinstance(denoiser, BridgeDenoiser)
    return not sampler.draws or denoiser.has_score or is_bridge


def start_std(process: Process, t: Tensor) -> float:
    r"""The scale of the noise that stands for the state at the first time of a grid.

    At t = 1 it is that of the prior. A grid that starts before shrinks it with
    $\sqrt{\alpha^2 + \sigma^2}$: nothing to a process that preserves the variance, and what
    is left of the noise of one that does not.
    """
    end = torch.ones_like(t)
    length_sq, full = (process.alpha(u) ** 2 + process.sigma(u) ** 2 for u in (t, end))
    return float(process.prior_std()) * float((length_sq / full).sqrt())


@torch.no_grad()
def descend(
    denoiser: Denoiser,
    sampler: Sampler,
    x: Tensor,
    *,
    index: Tensor,
    seed: int,
    watch: Watcher | None = None,
    constraint: Constraint | None = None,
) -> Tensor:
    r"""The data that a sampler reaches from a state at the first time of its grid.

    Args:
        x: the states to start from.
        index, seed: what the noise of the steps is keyed by.
        watch: called as `watch(step, t, x)` with the state before each step and, with
            t = 0, the result.
        constraint: what every state is made to agree with.

    Shapes:
        x: (B, *D), index: (B,) -> (B, *D)
    """
    process, device, shape = denoiser.process, x.device, tuple(x.shape[1:])
    if not isinstance(sampler, WholePath):  # whose answers must not depend on the way
        denoiser = denoiser.on_a_trajectory()
    times = sampler.times(process).to(device)
    memory: Memory = {}
    turns = 1 if constraint is None else constraint.resamples

    def noise(stream: Stream, step: int) -> Tensor:
        drawn = normal(shape, seed=seed, stream=stream, index=index, step=step)
        return drawn.to(x.dtype)

    for number, (t, s) in enumerate(itertools.pairwise(times)):
        if watch is not None:
            watch(number, t, x)
        for turn in range(number * turns, (number + 1) * turns):
            draws = [turn * sampler.draws + k for k in range(sampler.draws)]
            drawn = [noise(Stream.SAMPLING_STEP, draw) for draw in draws]
            fresh = torch.stack(drawn) if drawn else x.new_zeros(0, *x.shape)
            x = sampler.step(denoiser, x, t, s, fresh, memory)
            if constraint is None:
                continue
            x = constraint.impose(process, x, s, noise(Stream.CONSTRAINT, 2 * turn))
            if turn + 1 < (number + 1) * turns:
                mean, variance = process.transition(x, s, t)
                x = mean + variance.sqrt() * noise(Stream.CONSTRAINT, 2 * turn + 1)
                # The memory of the steps before does not belong to the new state.
                memory.clear()
    if watch is not None:
        watch(len(times) - 1, times[-1], x)
    x = sampler.last(denoiser, x, times[-1])
    end = torch.zeros((), dtype=torch.float64, device=device)
    if constraint is not None:
        x = constraint.impose(process, x, end, torch.zeros_like(x))
    if watch is not None:
        watch(len(times), end, x)
    return x
