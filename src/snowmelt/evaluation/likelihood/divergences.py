r"""The divergence of a field, $\nabla\cdot f = \sum_i \partial f_i / \partial x_i$.

For any vectors $v$ with $\mathrm{E}[v v^\top] = I$ it is $\mathrm{E}[v^\top J v]$, J the
Jacobian. The D unit vectors together give it exactly at the price of D backward passes;
random vectors estimate it without bias at the price of one each.

References:
    Hutchinson (1989), "A stochastic estimator of the trace of the influence matrix";
    Grathwohl et al. (2019), arXiv:1810.01367, section 3.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count
from snowmelt.common.randomness import Stream, normal, uniform

Field = Callable[[Tensor], Tensor]
_FIRST = 1  # place of the first probe's random numbers; 0 belongs to dequantisation


class Divergence(ABC):
    """A choice of the vectors that estimate the trace of a Jacobian."""

    @abstractmethod
    def probes(self, x: Tensor, index: Tensor, *, seed: int) -> tuple[Tensor, float]:
        """Vectors for one whole trajectory, and the weight of each.

        The same ones all along make the estimate a smooth function of time, which a solver
        of high order needs.

        Shapes:
            x: (B, *D), index: (B,) -> (P, B or 1, *D), weight
        """


class Exact(Divergence):
    """All unit vectors, which give the divergence exactly.

    Args:
        most: the largest D that this is done for.

    Raises:
        ValueError: fewer than 1; or, later, more dimensions than that.
    """

    def __init__(self, most: Count = 256) -> None:
        check_at_least(1, most=most)
        self.most = most

    def probes(self, x: Tensor, index: Tensor, *, seed: int) -> tuple[Tensor, float]:
        size = x[0].numel()
        if size > self.most:
            raise ValueError(
                f"the exact divergence in {size} dimensions takes as many backward passes a"
                f" step, more than {self.most}: take random probes, or raise `most`"
            )
        unit = torch.eye(size, dtype=x.dtype, device=x.device)
        return unit.reshape(size, 1, *x.shape[1:]), 1.0


class _Random(Divergence):
    """Hutchinson's estimator with random vectors, keyed by (seed, example).

    Args:
        count: how many to average over.

    Raises:
        ValueError: fewer than 1.
    """

    def __init__(self, count: Count = 1) -> None:
        check_at_least(1, count=count)
        self.count = count

    @abstractmethod
    def draw(
        self, shape: tuple[int, ...], index: Tensor, *, seed: int, step: int
    ) -> Tensor:
        """Entries of mean 0 and variance 1, independent. Shapes: -> (B, *shape)"""

    def probes(self, x: Tensor, index: Tensor, *, seed: int) -> tuple[Tensor, float]:
        shape = tuple(x.shape[1:])
        places = range(_FIRST, _FIRST + self.count)
        drawn = [self.draw(shape, index, seed=seed, step=place) for place in places]
        return torch.stack(drawn).to(x.dtype), 1.0 / self.count


class Rademacher(_Random):
    """Entries of +1 and -1, which give the estimator of least variance."""

    def draw(
        self, shape: tuple[int, ...], index: Tensor, *, seed: int, step: int
    ) -> Tensor:
        u = uniform(shape, seed=seed, stream=Stream.LIKELIHOOD, index=index, step=step)
        return torch.where(u < 0.5, -1.0, 1.0)


class Normal(_Random):
    """Standard normal entries."""

    def draw(
        self, shape: tuple[int, ...], index: Tensor, *, seed: int, step: int
    ) -> Tensor:
        return normal(shape, seed=seed, stream=Stream.LIKELIHOOD, index=index, step=step)


def with_divergence(
    field: Field, x: Tensor, probes: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """The field at `x`, and the probes' estimate of its divergence.

    Shapes:
        x: (B, *D), probes: (P, B or 1, *D) -> (B, *D), (B,) float64
    """
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        value = field(point)
        total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        for number, probe in enumerate(probes):
            keep = number + 1 < len(probes)
            seen = probe.expand_as(value)
            (back,) = torch.autograd.grad(value, point, seen, retain_graph=keep)
            total += (back * seen).flatten(1).sum(1).to(torch.float64)
    return value.detach(), weight * total
