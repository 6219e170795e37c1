"""Making the sets that a flow of points is measured by; see `transport_sets`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common.array_files import gathered
from snowmelt.data.prepared.scaling import to_model
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.transport.carried_samples import CarriedSamples
from snowmelt.evaluation.transport.transport_sets import (
    AtTime,
    Points,
    TransportSets,
    optimal_joint,
)
from snowmelt.evaluation.transport.true_pairs import PairLaw, state
from snowmelt.evaluation.transport.walked_states import Moment, Walk
from snowmelt.training.couplings import OptimalTransport

Rows = NDArray[np.int64]
Pairs = tuple[Tensor, Tensor]


def sizes(carried: CarriedSamples, sets: int, size: int) -> tuple[int, int]:
    """How many sets of how many points there can be, as many as are asked for at most."""
    fewest = min(
        len(carried.samples),
        len(carried.data.held_out),
        len(carried.data.train),
        len(carried.starts.data.train),
        carried.starts.sampled_count,
    )
    sets = min(sets, max(1, fewest // 2))
    return sets, min(size, fewest // sets)


def compared_sets(
    carried: CarriedSamples,
    walk: Walk,
    law: PairLaw,
    process: Process,
    shape: tuple[int, int],
    seed: int,
) -> TransportSets:
    """The sets of carried points, and the true ones beside them.

    Args:
        walk: of as many samples as there are in all sets.
        process: of the model, on the processor.
        shape: sets, and the points of each.
        seed: of the choice of true examples and of the noise between their pairs.
    """
    data, starts = carried.data, carried.starts.data
    chosen = _Chosen.of(carried, shape[0] * shape[1], seed)
    cut = _Cut(shape, np.array(data.manifest.mean), data.manifest.std or 1.0)
    true = law.joined(
        in_model_units(carried, data.held_out, chosen.held_out),
        in_model_units(carried, starts.held_out, chosen.starts),
        _labels(data.held_out_labels, chosen.held_out),
        2 * seed,
    )
    reference = law.joined(
        in_model_units(carried, data.train, chosen.train),
        in_model_units(carried, starts.train, chosen.start_train),
        _labels(data.train_labels, chosen.train),
        2 * seed + 1,
    )
    energies = None
    if not carried.has_noise:
        energies = walk.paths.energies.numpy().reshape(shape) * cut.std**2
    found = TransportSets(
        starts=cut.stored(starts.held_out, chosen.starts),
        carried=cut.stored(carried.samples, chosen.starts),
        held_out=cut.stored(data.held_out, chosen.held_out),
        train=cut.stored(data.train, chosen.train),
        energies=energies,
        times=[
            _at_time(carried, process, cut, moment, (true, reference), seed)
            for moment in walk.moments
        ],
    )
    if carried.walks_bridge and law.bridge is not None and not law.is_bridge:
        pairs = [
            cut.joint(law.bridge.sample(ends[1], seed=2 * seed + number), ends[1])
            for number, ends in enumerate((true, reference))
        ]
    elif carried.walks_bridge and law.is_bridge:
        pairs = [cut.joint(*ends) for ends in (true, reference)]
    elif isinstance(carried.coupling, OptimalTransport) and not carried.has_noise:
        begun = cut.stored(starts.train, chosen.start_train)
        pairs = [
            optimal_joint(found.held_out, found.starts),
            optimal_joint(found.train, begun),
        ]
    else:
        return found
    learned = np.concatenate((found.carried, found.starts), axis=2)
    return replace(found, joint=(learned, pairs[0], pairs[1]))


@dataclass(frozen=True)
class _Chosen:
    """Rows of true examples, (N,) each.

    Attributes:
        starts: held-out ones, those of the samples.
        held_out, train: of the data.
        start_train: of the starts.
    """

    starts: Rows
    held_out: Rows
    train: Rows
    start_train: Rows

    @classmethod
    def of(cls, carried: CarriedSamples, count: int, seed: int) -> _Chosen:
        random, data = np.random.default_rng(seed), carried.data
        starts = np.arange(count)
        held_out, train, start_train = (
            random.permutation(len(split))[:count]
            for split in (data.held_out, data.train, carried.starts.data.train)
        )
        if carried.coupling.is_paired:  # row k of the data belongs to row k of the starts
            return cls(starts, starts, train, train)
        return cls(starts, held_out, train, start_train)


@dataclass(frozen=True)
class _Cut:
    """Points cut into sets, in the data's units."""

    shape: tuple[int, int]
    mean: Points
    std: float

    def stored(self, split: np.ndarray, rows: Rows) -> Points:
        found: Points = gathered(split, rows).astype(np.float64)
        return found.reshape(*self.shape, -1)

    def model(self, points: Tensor) -> Points:
        found: Points = points.numpy().astype(np.float64) * self.std + self.mean
        return found.reshape(*self.shape, -1)

    def joint(self, x_0: Tensor, x_1: Tensor) -> Points:
        return np.concatenate((self.model(x_0), self.model(x_1)), axis=2)


def _at_time(
    carried: CarriedSamples,
    process: Process,
    cut: _Cut,
    moment: Moment,
    pairs: Sequence[Pairs],
    seed: int,
) -> AtTime:
    """The walked states of a time, and those between true pairs with noise of their own."""
    states = [moment.states]
    for number, ends in enumerate(pairs):
        own = 2 * seed + number
        states.append(state(process, carried.interpolant, moment.t, ends, own))
    return AtTime(moment.share, *(cut.model(points) for points in states))


def in_model_units(carried: CarriedSamples, split: np.ndarray, rows: Rows) -> Tensor:
    """Points of either end in the model's units, float32."""
    return to_model(torch.from_numpy(gathered(split, rows)), carried.data.manifest)


def _labels(labels: np.ndarray | None, rows: Rows) -> Tensor | None:
    return None if labels is None else torch.from_numpy(gathered(labels, rows))
