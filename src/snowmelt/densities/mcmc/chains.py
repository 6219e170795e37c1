"""Runs many Markov chains at once, each with random numbers of its own.

The noise of a chain is keyed by (seed, number of the chain, number of the step). So a chain
does not depend on how many others run, and may be continued where it ended, as far as the
density's arithmetic does not depend on the batch size: that of mixtures does not; that of
grids uses matrix products, which may round differently.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities.density import Density
from snowmelt.diffusion.processes import expand

# Numbers drawn in one call: few calls, and tensors that stay in the cache.
_AT_ONCE = 2**15
# The first steps of the stream belong to the draws of densities themselves.
_FIRST_STEP = 2**16
Watcher = Callable[[int, Tensor], None]
# The position and what was evaluated there, each with a row for each chain.
State = tuple[Tensor, ...]


class Proposal(NamedTuple):
    """A proposed move.

    state: what the kernel's `measure` returns at the proposed position;
    log_ratio: (C,) the logarithm of the Metropolis-Hastings ratio; infinite for a move
    that is always accepted.
    """

    state: State
    log_ratio: Tensor


class CountingDensity(Density):
    """A density that counts the points at which it is evaluated."""

    def __init__(self, density: Density) -> None:
        self.density = density
        self.log_probs = self.scores = 0

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return self.density.sample(n, seed=seed, dtype=dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        self.log_probs += len(x)
        return self.density.log_prob(x)

    def score(self, x: Tensor) -> Tensor:
        self.scores += len(x)
        return self.density.score(x)


class Kernel(ABC):
    """One step of a Markov chain, for many chains at once."""

    @abstractmethod
    def measure(self, density: Density, x: Tensor) -> State:
        """The position, followed by what the kernel needs of the density there.

        Shapes:
            x: (C, *D) -> each (C, ...)
        """

    @abstractmethod
    def propose(
        self, density: Density, state: State, noise: Tensor, place: Tensor
    ) -> Proposal:
        """The proposed move from a state.

        Args:
            noise: standard normal.
            place: uniform in (0, 1), one number a chain, for a kernel that needs one.

        Shapes:
            noise: (C, *D), place: (C,)
        """


@dataclass(frozen=True)
class Chains:
    """The states of chains, and the cost of them.

    Args:
        states: after each step, (steps, C, *D).
        accepted: whether a step was accepted, (steps, C) bool.
        log_probs, scores: at how many points the density and its score were evaluated, by
            all chains together.
    """

    states: Tensor
    accepted: Tensor
    log_probs: int
    scores: int

    @property
    def acceptance(self) -> Tensor:
        """The acceptance rate of each chain. Shapes: -> (C,) float64"""
        return self.accepted.to(torch.float64).mean(0)

    @property
    def evaluations(self) -> int:
        """Evaluations of the density and of its score, by all chains together."""
        return self.log_probs + self.scores

    def points(self, warmup: int = 0) -> Tensor:
        """All states after the first few steps as one cloud. Shapes: -> (N, *D)"""
        return self.states[warmup:].flatten(0, 1)


@torch.no_grad()
def run(
    density: Density,
    kernel: Kernel,
    start: Tensor,
    steps: int,
    *,
    seed: int,
    index: Tensor | None = None,
    first: int = 0,
    watch: Watcher | None = None,
) -> Chains:
    """Run a chain from each start.

    Args:
        start: where each chain begins, somewhere of positive density.
        steps: how many to take.
        seed: of the noise.
        index: the numbers of the chains; None: 0, 1, ... Chains may be run a few at a time.
        first: the number of the first step; a run of n steps is continued by `first=n`
            from its last state.
        watch: called as `watch(step, x)` with the states after each step.

    Shapes:
        start: (C, *D), index: (C,)

    Raises:
        ValueError: no steps, indices that do not fit the starts, or a start where the
            density is zero or the score is not finite.
    """
    if steps < 1 or first < 0:
        raise ValueError(f"steps must be at least 1 and first 0, got {steps} and {first}")
    index = torch.arange(len(start), device=start.device) if index is None else index
    if index.shape != start.shape[:1]:
        raise ValueError(
            f"one index a chain is needed, got the shape {tuple(index.shape)} for"
            f" {len(start)} chains"
        )
    counting = CountingDensity(density)
    # In float64 rounding rejects no proposal, and the leapfrog steps keep the energy.
    state = kernel.measure(counting, start.to(torch.float64))
    if not all(part.isfinite().all() for part in state):
        raise ValueError("every chain must start where the density is positive and finite")
    shape = tuple(start.shape[1:])
    drawn = _random_numbers(shape, range(first, first + steps), seed=seed, index=index)
    states, accepted = [], []
    for step, (noise, choices) in enumerate(drawn, first):
        proposed, log_ratio = kernel.propose(counting, state, noise, choices[:, 1])
        # A proposal whose ratio is not a number is rejected.
        is_taken = torch.log(choices[:, 0]) < log_ratio
        state = tuple(
            torch.where(_broadcast(is_taken, old), new, old)
            for new, old in zip(proposed, state, strict=True)
        )
        states.append(state[0])
        accepted.append(is_taken)
        if watch is not None:
            watch(step, state[0])
    return Chains(
        torch.stack(states), torch.stack(accepted), counting.log_probs, counting.scores
    )


def _random_numbers(
    shape: tuple[int, ...], steps: range, *, seed: int, index: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Noise and two uniform numbers of each step: (C, *shape), (C, 2), both float64."""
    chains, stream = len(index), Stream.DENSITY
    at_once = max(1, _AT_ONCE // max(1, chains * math.prod(shape)))
    for begin in range(0, len(steps), at_once):
        some = torch.tensor(steps[begin : begin + at_once], device=index.device)
        keys = _FIRST_STEP + 2 * some.repeat_interleave(chains)
        who = index.repeat(len(some))
        noise = normal(shape, seed=seed, stream=stream, index=who, step=keys)
        places = uniform((2,), seed=seed, stream=stream, index=who, step=keys + 1)
        noises = noise.to(torch.float64).reshape(len(some), chains, *shape)
        yield from zip(noises, places.reshape(len(some), chains, 2), strict=True)


def _broadcast(flags: Tensor, part: Tensor) -> Tensor:
    return flags.reshape(-1, *[1] * (part.ndim - 1))


def squared_norms(x: Tensor) -> Tensor:
    """The squared norm of each row. Shapes: (C, *D) -> (C,)"""
    return x.square().flatten(1).sum(1)


def scaled_rows(coefficient: Tensor, x: Tensor) -> Tensor:
    """`x` with each row scaled. Shapes: (C,) or (), (C, *D) -> (C, *D)"""
    return expand(coefficient, x) * x
