r"""The metrics of a flow between two distributions; see `docs/bridges.md`.

Each is measured of carried starts and, for its floor, of true examples in their place, on
the same sets and against the same held-out examples. The floor of the path energy is what a
flow along the optimal plan would get: $|W_2^2(x_1, x_0') - W_2^2(x_1, x_0)| / W_2^2(x_1,
x_0)$ with two true sets $x_0$ and $x_0'$ of the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.transport.flow_paths import FlowPaths
from snowmelt.evaluation.transport.transport_sets import Points, TransportSets, distances


@dataclass(frozen=True, eq=False)
class Transport:
    """What a metric of a flow is measured of.

    Attributes:
        paths: of some samples, in the model's units: all that is measured of images.
        sets: of points, in the data's units; None of images.
        is_carried: whether it is the flow, else true examples in its place.
        has_noise: whether the sampler adds noise, so that no path has an energy.
        drift_errors: of states, (N,) in the square of the data's unit; None where the exact
            drift is not known.
    """

    paths: FlowPaths
    sets: TransportSets | None
    is_carried: bool = True
    has_noise: bool = False
    drift_errors: Tensor | None = None


def wasserstein_2(transport: Transport) -> Estimate | None:
    """W2 of carried starts and held-out examples."""
    if (sets := transport.sets) is None:
        return None
    rows = sets.carried if transport.is_carried else sets.train
    return over_sets(distances(rows, sets.held_out))


def path_energy(transport: Transport) -> Estimate | None:
    """The normalised path energy; see `flow_paths.normalised_path_energy`."""
    if (sets := transport.sets) is None or sets.energies is None:
        return None
    energies = sets.energies.mean(axis=1) if transport.is_carried else sets.train_plan_costs
    return over_sets(np.abs(energies - sets.plan_costs) / sets.plan_costs)


def transport_cost(transport: Transport) -> Estimate | None:
    """The mean squared distance of start and sample; of the exact plan for the floor."""
    if (sets := transport.sets) is not None:
        costs = sets.costs.mean(axis=1) if transport.is_carried else sets.plan_costs
        return over_sets(costs)
    if not transport.is_carried:
        return None
    costs = transport.paths.costs / transport.paths.starts[0].numel()
    return Estimate.of_mean(costs)


def straightness(transport: Transport) -> Estimate | None:
    r"""$\mathrm{E}\int\lVert (x_1 - x_0) - v\rVert^2 / \mathrm{E}\lVert x_1 - x_0\rVert^2$.

    The error of the ratio is that of a mean of residuals.
    """
    if transport.has_noise or not transport.is_carried:
        return None
    bends, costs = transport.paths.bends, transport.paths.costs
    if not float(costs.mean()) > 0.0:
        return None
    ratio = float(bends.mean() / costs.mean())
    error = float((bends - ratio * costs).std()) / math.sqrt(len(bends))
    return Estimate(ratio, error / float(costs.mean()))


def marginals(transport: Transport) -> Estimate | None:
    """W2 of the states on the way from those between true pairs, a mean over times."""
    sets = transport.sets
    if sets is None or not sets.times:
        return None
    inside = [0.0 < moment.share < 1.0 for moment in sets.times]
    if not any(inside):
        return None
    found = sets.by_time[0 if transport.is_carried else 1]
    return over_sets(found[inside].mean(axis=0))


def drift_error(transport: Transport) -> Estimate | None:
    """The mean squared error of the drift; see `drift_error`."""
    if transport.drift_errors is None or not transport.is_carried:
        return None
    return Estimate.of_mean(transport.drift_errors)


def coupling(transport: Transport) -> Estimate | None:
    """W2 of pairs of start and sample from true pairs, in twice the dimensions."""
    sets = transport.sets
    if sets is None or sets.joint is None:
        return None
    carried, true, reference = sets.joint
    return over_sets(distances(carried if transport.is_carried else true, reference))


def over_sets(values: Points) -> Estimate:
    """The mean over sets and its standard error, of as many degrees of freedom less one.

    Shapes:
        values: (sets,)
    """
    count = len(values)
    if count < 2:
        return Estimate(float(values.mean()), None)
    error = float(values.std(ddof=1)) / math.sqrt(count)
    return Estimate(float(values.mean()), error, count - 1)
