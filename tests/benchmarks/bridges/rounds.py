"""Rounds of a flow that learns from pairs which it made itself: DSBM and reflow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.bridges.batches import Batches, Draws, OwnPairs
from tests.benchmarks.bridges.distributions import Ends, Points
from tests.benchmarks.bridges.flows import Flow, Tell, carried
from tests.benchmarks.bridges.validation import Validation, own_validation

PAIRS_OF_A_ROUND, HELD_OF_A_ROUND = 10_000, 2_000  # to learn from, and to validate on
REFLOWED = 5  # starts of a reflow for each point of the data, where they are drawn
DRAWN_BY = "average"  # weights, as the pairs of `iterate` are


def alternate(
    flow: Flow,
    first: Batches,
    held: Validation,
    draws: Sequence[Draws],
    ends: Sequence[Ends],
    steps: int,
    sampling_steps: int,
    tell: Tell,
) -> None:
    """Rounds that go on with the same weights, each on pairs that the flow made itself.

    The first learns from independent pairs. A bridge has a network for each way, and each
    then learns from what the other makes of real points, so that the end that it is to come
    to is never made (iterated Markovian fitting, DSBM-IMF); any other flow makes its pairs
    from starts (reflow). Pairs to validate on are made as those to learn from, of other
    points, and the best weights are those of the last round.

    Args:
        first: independent pairs, for each network.
        held: other ones, to validate on.
        draws: the points of each network, to begin ways at.
        ends: those to validate on.
        steps: of the training, over all rounds.
        tell: is called with the flow at the end of each round, where it can go on from.

    References:
        Shi et al. (2023), arXiv:2303.16852, algorithm 1, whose two networks take turns and
        learn side by side here; Liu et al. (2022), arXiv:2209.03003; the code of Tong et
        al. (2024), arXiv:2307.03672, whose reflow keeps its weights.
    """
    rounds, fresh = flow.method.rounds, draws[0].draws_starts
    seeds = len(draws) // flow.method.ways
    train, others = [one.ends for one in draws[:seeds]], ends[:seeds]
    for number in range(rounds):
        begin, end = (place * steps // rounds for place in (number, number + 1))
        if flow.step >= end:
            continue
        batches, check = first, held
        if number:
            count = REFLOWED * len(train[0].data) if fresh else len(train[0].data)
            if flow.method.is_bridge:
                count = min(PAIRS_OF_A_ROUND, len(train[0].data))
            made = own_pairs(flow, train, count, fresh, sampling_steps, 2 * number)
            batches = OwnPairs(*made, flow.seeds, draws[0].batch)
            count = min(HELD_OF_A_ROUND, count)
            made = own_pairs(flow, others, count, fresh, sampling_steps, 2 * number + 1)
            check = own_validation(draws, *made)
        flow.learn(batches, check, begin, end, lambda _: None)
        tell(flow)


def own_pairs(
    flow: Flow, ends: Sequence[Ends], count: int, fresh: bool, steps: int, seed: int
) -> tuple[Points, Points]:
    """Data and starts, one of them made of the other by the averaged weights of a flow.

    A flow of one way learns from the data that it made of starts. Of two ways, the networks
    that go to the data get true data and the starts that those of the way back made of it,
    and those of the way back true starts and the data that was made of them.

    Args:
        ends: the points of each seed.
        count: of pairs for each network, no more than there are ends that are not drawn.
        fresh: whether starts are drawn, and not those of `ends`.
        steps: of the sampler.

    Shapes:
        -> (networks, N, D), (networks, N, D)
    """
    random, sampler = np.random.default_rng([6, seed]), flow.method.sampler(steps)
    start = _some(random, [one.start for one in ends], count)
    if fresh:
        shape = (len(ends), count, start.shape[2])
        start = random.standard_normal(shape, dtype=np.float32)
    to_data = carried(flow.denoiser(DRAWN_BY), sampler, start, seed=2 * seed)
    if flow.method.ways == 1:
        return to_data, start
    data = _some(random, [one.data for one in ends], count)
    to_start = carried(flow.way_back(DRAWN_BY), sampler, data, seed=2 * seed + 1)
    return np.concatenate((data, to_data)), np.concatenate((to_start, start))


def _some(random: np.random.Generator, points: Sequence[Points], count: int) -> Points:
    """Shapes: (N, D) of each seed -> (seeds, count, D)"""
    return np.stack([one[random.permutation(len(one))[:count]] for one in points])
