"""The interface of a coupling, independent pairs, and pairs within each class."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.places import Place


class Coupling(ABC):
    """A rule that pairs the examples of a batch with as many starts.

    A pair is told by places: example i gets the start at place `partners(...)[i]`. A start
    is a function of its place, so whoever knows the place can draw it.
    """

    is_independent: bool = False
    """Whether every example keeps the start of its own place."""

    needs_labels: bool = False
    """Whether it looks at the classes of the examples."""

    is_paired: bool = False
    """Whether the start of an example is the one in its own row of the prepared data."""

    @abstractmethod
    def partners(
        self, x_0: Tensor, x_1: Tensor, drawn: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        """The place of each example's start.

        Args:
            x_0, x_1: examples and starts of a whole batch, in the model's units.
            drawn: a uniform number for each example, in (0, 1), if chance has a say.
            labels: the class of each example.

        Shapes:
            x_0, x_1: (B, *D), drawn: (B,), labels: (B,) -> (B,) int64

        Raises:
            ValueError: labels are needed and there are none.
            UserError: the entropy of a plan is too little for the cost of this batch.
        """


class Independent(Coupling):
    """Every example keeps the start that was drawn in its place."""

    is_independent = True

    def partners(
        self, x_0: Tensor, x_1: Tensor, drawn: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        return torch.arange(len(x_0), device=x_0.device)


class Paired(Independent):
    """Pairs that the data comes with: row by row, data and starts belong together.

    So an image learns from its own degraded copy. Given samples, the pairs are those of the
    flow that drew them (`snowmelt.training.drawn_pairs`): a flow learns from its own pairs
    of start and sample, which straightens its paths (reflow), a bridge from those of the
    bridge before (iterated Markovian fitting).

    Args:
        samples: the folder of samples of every training start (`sample.starts=training`);
            None: the rows of the prepared data and starts are pairs themselves.

    References:
        Liu, Gong & Liu (2023), arXiv:2209.03003, section 2.2 (reflow); Shi, De Bortoli,
        Campbell & Doucet (2023), arXiv:2303.16852 (DSBM).
    """

    is_paired = True

    def __init__(self, samples: Place | None = None) -> None:
        self.samples = samples


class ClassWise(Coupling):
    """Another coupling within each class, so that each meets starts of every kind.

    A plan over the whole batch sends each class to the starts nearest to it: told the
    class, the start is then no longer what sampling begins with, and a conditional network
    is asked about places that it has never seen.

    Args:
        of: the coupling within a class.

    Raises:
        ValueError: `of` leaves nothing to pair, or pairs within classes itself.

    References:
        Cheng & Schwing (2025), arXiv:2503.10636 (plans that ignore the condition skew it).
    """

    needs_labels = True

    def __init__(self, of: Coupling) -> None:
        if of.is_paired or of.needs_labels:
            named = "are given" if of.is_paired else "are within classes already"
            raise ValueError(
                f"class_wise needs a coupling that chooses pairs, and those of"
                f" {type(of).__name__} {named}: use coupling.of=optimal_transport or"
                " coupling.of=sinkhorn"
            )
        self.of = of
        self.is_independent = of.is_independent

    def partners(
        self, x_0: Tensor, x_1: Tensor, drawn: Tensor, labels: Tensor | None = None
    ) -> Tensor:
        if labels is None:
            raise ValueError("a class-wise coupling needs the classes of the examples")
        found = torch.empty(len(x_0), dtype=torch.int64, device=x_0.device)
        for label in labels.unique():
            places = torch.nonzero(labels == label)[:, 0]
            inside = self.of.partners(x_0[places], x_1[places], drawn[places])
            found[places] = places[inside]
        return found
