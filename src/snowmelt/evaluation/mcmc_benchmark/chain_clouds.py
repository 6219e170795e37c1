r"""Markov chains of four kinds, tuned during a warm-up, and their states at every budget.

During the warm-up the step size is adapted towards the acceptance rate that is known to be
optimal, by $\log h \leftarrow \log h + g_k\,(\text{rate} - \text{target})$ with decreasing
$g_k$. The rate is that of all chains together, so a few dozen steps are enough. After the
warm-up the size is fixed, since a chain that keeps adapting does not have the density as
its stationary distribution. All evaluations count,
from the first.

References:
    Roberts, Gelman & Gilks (1997), 0.234 for random walks; Roberts & Rosenthal (1998),
    0.574 for MALA; Neal (2011), arXiv:1206.1901, 0.65 and more for Hamiltonian chains,
    which are given 0.7 here.
    Robbins & Monro (1951), "A stochastic approximation method".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.densities import Density
from snowmelt.densities.mcmc import (
    MALA,
    Chains,
    Hamiltonian,
    Kernel,
    Langevin,
    RandomWalk,
    run,
)

_GAIN, _FALL = 1.5, 0.6


@dataclass(frozen=True)
class ChainMethod:
    """A kind of chain, and what its steps cost.

    Args:
        kernel: makes one of a given size of step.
        size: the kernel's attribute of that size.
        guess: the first size; for an untuned method, the only one.
        target: the acceptance rate to tune to; None: every step is accepted, whatever the
            size, so there is nothing to tune by.
        first: evaluations at the start.
        each: evaluations of a step.
    """

    name: str
    kernel: Callable[[float], Kernel]
    size: str
    guess: float
    target: float | None
    first: int
    each: int

    def steps_within(self, budget: int) -> int:
        """The steps that so many evaluations pay for."""
        return max(0, (budget - self.first) // self.each)


METHODS = (
    ChainMethod("random walk", RandomWalk, "std", 0.5, 0.234, first=1, each=1),
    ChainMethod("MALA", MALA, "size", 0.05, 0.574, first=2, each=2),
    ChainMethod("Hamiltonian", Hamiltonian, "step", 0.2, 0.7, first=2, each=11),
)


def unadjusted(size: float) -> ChainMethod:
    """Unadjusted Langevin steps of the size that MALA was tuned to."""
    return ChainMethod("Langevin, unadjusted", Langevin, "size", size, None, 1, 1)


@dataclass(frozen=True)
class ChainRun:
    """The chains of one method.

    Attributes:
        start: (C, D).
        size: of a step, after tuning.
        tuned: the number of steps in which it was tuned.
    """

    method: ChainMethod
    start: Tensor
    chains: Chains
    size: float
    tuned: int

    def evaluations(self, budget: int) -> int | None:
        """The evaluations spent of a budget; None if it does not pay for a step."""
        steps = self.method.steps_within(budget)
        return self.method.first + steps * self.method.each if steps else None

    def at(self, budget: int) -> Tensor:
        """The states when a budget is spent. Shapes: -> (C, D)"""
        return self.chains.states[self.method.steps_within(budget) - 1]

    def second_half(self, budget: int) -> Tensor:
        """The states of the later half of a budget. Shapes: -> (steps, C, D)"""
        steps = self.method.steps_within(budget)
        return self.chains.states[steps // 2 : steps]

    @property
    def acceptance(self) -> float:
        later = self.chains.accepted[self.tuned :].double()
        return float(later.mean()) if len(later) else math.nan


def chain_run(
    density: Density,
    method: ChainMethod,
    start: Tensor,
    *,
    budget: int,
    warmup: int,
    seed: int,
) -> ChainRun | None:
    """One chain from each start until a budget is spent; None if it pays for no step.

    Args:
        budget, warmup: evaluations a chain, the warm-up within the budget.

    Shapes:
        start: (C, D)
    """
    steps = method.steps_within(budget)
    if not steps:
        return None
    tuned = 0 if method.target is None else min(steps, method.steps_within(warmup))
    tuning = _Tuning(method, start, tuned)
    chains = run(density, tuning.kernel, start, steps, seed=seed, watch=tuning.watch)
    return ChainRun(method, start, chains, tuning.size, tuned)


class _Tuning:
    """A kernel whose size is moved while the chains run."""

    def __init__(self, method: ChainMethod, start: Tensor, steps: int) -> None:
        self.method, self.steps = method, steps
        self.size, self.kernel = method.guess, method.kernel(method.guess)
        self.before = start.to(torch.float64)

    def watch(self, step: int, x: Tensor) -> None:
        if self.method.target is None or step >= self.steps:
            return
        rate = float((x != self.before).any(-1).double().mean())
        self.before = x
        gain = _GAIN * (step + 1) ** -_FALL
        self.size *= math.exp(gain * (rate - self.method.target))
        setattr(self.kernel, self.method.size, self.size)
