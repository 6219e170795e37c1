"""The sets of points that a flow is measured by, all of one size.

The first samples are cut into sets in the order of their starts. Beside each stand as many
held-out examples of the data and as many of the training split, drawn at random, none
twice: what is measured of carried starts and held-out examples is measured of true examples
and the same held-out ones too, and that is the floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from snowmelt.evaluation.metrics.wasserstein import optimal_pairs, wasserstein_2

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AtTime:
    """Three sets of states at one time.

    Attributes:
        share: of the way to the start.
        carried: of the sampler, from held-out starts.
        true: between true pairs of held-out starts and data.
        reference: between true pairs of the training split, which both are compared with.

    Shapes:
        carried, true, reference: (sets, size, D)
    """

    share: float
    carried: Points
    true: Points
    reference: Points


@dataclass(frozen=True, eq=False)
class TransportSets:
    """What a flow of points is measured by, in the data's units.

    Attributes:
        starts: held-out ones, from which the samples came.
        carried: the samples.
        held_out, train: true examples of the two splits.
        energies: of the paths, (sets, size); None where a sampler adds noise.
        times: from the start to the data.
        joint: pairs of start and data that the flow joined, true pairs of held-out examples
            and true pairs of the training split, (sets, size, 2 D) each; None where it is
            not known what a flow should join.

    Shapes:
        starts, carried, held_out, train: (sets, size, D)
    """

    starts: Points
    carried: Points
    held_out: Points
    train: Points
    energies: Points | None
    times: list[AtTime]
    joint: tuple[Points, Points, Points] | None = None

    @cached_property
    def costs(self) -> Points:
        """The squared distance of each start from its sample. Shapes: -> (sets, size)"""
        found: Points = np.square(self.carried - self.starts).sum(-1)
        return found

    @cached_property
    def plan_costs(self) -> Points:
        """W2 squared of starts and held-out examples. Shapes: -> (sets,)"""
        return squared_distances(self.starts, self.held_out)

    @cached_property
    def train_plan_costs(self) -> Points:
        """W2 squared of starts and training examples. Shapes: -> (sets,)"""
        return squared_distances(self.starts, self.train)

    @cached_property
    def by_time(self) -> tuple[Points, Points]:
        """W2 of carried and of true states from the reference: (times, sets) each.

        At the start both may be the same held-out starts, and then it is one number.
        """
        carried, true = [], []
        for moment in self.times:
            carried.append(distances(moment.carried, moment.reference))
            is_same = np.array_equal(moment.carried, moment.true)
            true.append(
                carried[-1] if is_same else distances(moment.true, moment.reference)
            )
        return np.array(carried), np.array(true)


def distances(one: Points, two: Points) -> Points:
    """W2 of each pair of sets. Shapes: (sets, size, D) twice -> (sets,)"""
    return np.array([wasserstein_2(a, b) for a, b in zip(one, two, strict=True)])


def squared_distances(one: Points, two: Points) -> Points:
    """W2 squared of each pair of sets. Shapes: (sets, size, D) twice -> (sets,)"""
    return distances(one, two) ** 2


def optimal_joint(data: Points, starts: Points) -> Points:
    """The pairs of the optimal plan of each set of starts and examples.

    Shapes:
        (sets, size, D) twice -> (sets, size, 2 D), the data's coordinates first
    """
    found = [
        np.concatenate((one[optimal_pairs(two, one)], two), axis=1)
        for one, two in zip(data, starts, strict=True)
    ]
    return np.stack(found)
