r"""Iterated fitting: flows of which each learns from the pairs of the one before.

A flow between two data sets learns from pairs of a start and an example, and once it is
trained it makes pairs itself, of each start and its end. The next flow learns from these.

**Reflow** goes to the data each time, along the flow without noise. On average the new
pairs cost no more than those that the flow learnt from, for any convex cost, and paths
become straight, so that few steps follow them.

**Iterated Markovian fitting** (DSBM) goes to the data and back in turn, along bridges with
their noise. To learn a bridge is to project a mixture of Brownian bridges onto the Markov
processes; to draw pairs and put Brownian bridges between them is to project back onto such
mixtures. The Schroedinger bridge is the one process with both properties and the right
ends, and each projection comes nearer to it in divergence. Neither changes the marginals,
but what is learnt has errors; since every turn begins at real examples and learns to reach
real ones, those of one end do not add up.

The loop stands here once, whatever a model and its pairs are: arrays in a benchmark,
folders in the pipeline.

    for turn, model in iterated(planned(10, alternates=True), fit, draw):
        ...

References:
    Liu, Gong & Liu (2023), arXiv:2209.03003, algorithm 1 (reflow); Shi, De Bortoli,
    Campbell & Doucet (2023), arXiv:2303.16852, algorithm 1 (DSBM); Peluchetti (2023),
    arXiv:2304.00917 (the same iteration).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Model = TypeVar("Model")
Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Iteration:
    """One training of an iterated fitting.

    Attributes:
        number: from 1.
        to_data: whether it learns the way from the starts to the data, or back.
        before: the iteration in the same direction whose weights it starts from; None for
            the first.
        pairs: the iteration that drew its pairs; None for the first coupling.
    """

    number: int
    to_data: bool
    before: int | None
    pairs: int | None


def planned(count: int, *, alternates: bool) -> list[Iteration]:
    """The iterations in their order; the first goes to the data.

    Args:
        alternates: whether every second one goes back to the starts.

    Raises:
        ValueError: fewer than one.
    """
    if count < 1:
        raise ValueError(f"an iterated fitting has one iteration at least, got {count}")
    apart = 2 if alternates else 1
    return [
        Iteration(
            number,
            to_data=not alternates or number % 2 == 1,
            before=number - apart if number > apart else None,
            pairs=number - 1 if number > 1 else None,
        )
        for number in range(1, count + 1)
    ]


def iterated(
    plan: Sequence[Iteration],
    fit: Callable[[Iteration, Drawn | None, Model | None], Model],
    draw: Callable[[Iteration, Model], Drawn],
) -> Iterator[tuple[Iteration, Model]]:
    """Fit the models of a plan one after another, each to the pairs of the one before.

    Args:
        fit: called as `fit(iteration, pairs, before)`: trains the model of an iteration on
            the pairs that the one before it drew, None in the first, and from the weights
            of `before`, None where there is none.
        draw: called as `draw(iteration, model)`: the pairs of real starts of that direction
            and their ends. Nobody asks for those of the last iteration.

    Yields:
        Each iteration with its model, before its pairs are drawn.
    """
    models: dict[int, Model] = {}
    pairs: Drawn | None = None
    for iteration in plan:
        before = None if iteration.before is None else models[iteration.before]
        models[iteration.number] = model = fit(iteration, pairs, before)
        yield iteration, model
        if iteration is not plan[-1]:
            pairs = draw(iteration, model)
