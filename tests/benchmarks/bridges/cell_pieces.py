"""What the benchmark has to do, piece by piece, and what each waits for.

Apart from `__main__`, whose functions a process of the pool does not find by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from tests.benchmarks.bridges import cells, gaussian_bridge
from tests.benchmarks.bridges.cells import Protocol
from tests.benchmarks.bridges.distributions import GAUSSIAN
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.work import Tick, Work

# Processor minutes of one piece of work on the machine of docs/bridges.md, for the bar.
PLANS, TRAINING, DISTANCE = 0.5, 2.0, 0.3


def pieces(
    protocol: Protocol, pairs: Sequence[str], rows: Sequence[str], averaged: bool
) -> Iterator[Work]:
    """All that is to do for these cells, in order."""
    gaussian = {pair.name for pair in GAUSSIAN}
    for pair in pairs:
        is_gaussian = pair in gaussian
        wanted = [row for row in rows if not is_gaussian or row in gaussian_bridge.ROWS]
        if not all(METHODS[row].coupling.is_independent for row in wanted):
            for seed in protocol.seeds:
                find = partial(_quietly, cells.find_plans, protocol, pair, seed)
                yield Work(_plans(pair, seed), find, PLANS)
        if is_gaussian:
            measure = partial(_quietly, gaussian_bridge.measure_exact, protocol, pair)
            yield Work(f"{pair}: {cells.TRUE}", measure, 0.1)
            for row in wanted:
                does = partial(_gaussian, protocol, pair, row)
                yield Work(f"{pair}: {row}", does, _size(row), _before(protocol, pair, row))
            continue
        for row in wanted:
            does = partial(_train, protocol, pair, row)
            yield Work(f"{pair}: {row}", does, _size(row), _before(protocol, pair, row))
            for seed in protocol.seeds:
                for weights in ("last", "average") if averaged else ("last",):
                    does = partial(
                        _quietly, cells.measure, protocol, pair, row, weights, seed
                    )
                    name = f"{pair}: {row}, distance {weights} {seed}"
                    yield Work(name, does, DISTANCE, (f"{pair}: {row}",))
        for seed in protocol.seeds:
            does = partial(_quietly, cells.measure_truth, protocol, pair, seed)
            yield Work(f"{pair}: {cells.TRUE} {seed}", does, 2 * DISTANCE)


def _before(protocol: Protocol, pair: str, row: str) -> tuple[str, ...]:
    if METHODS[row].coupling.is_independent:
        return ()
    return tuple(_plans(pair, seed) for seed in protocol.seeds)


def _plans(pair: str, seed: int) -> str:
    return f"{pair}: plans {seed}"


def _size(row: str) -> float:
    method = METHODS[row]
    return TRAINING * (2.0 if method.is_bridge else 1.0) * (1.3 if method.rounds > 1 else 1)


def _quietly(does: Any, *given: Any) -> None:
    *asked, _ = given
    does(*asked)


def _train(protocol: Protocol, pair: str, row: str, tick: Tick) -> None:
    cells.train(protocol, pair, row, lambda steps: tick(0.9 * steps / protocol.steps))


def _gaussian(protocol: Protocol, pair: str, row: str, tick: Tick) -> None:
    gaussian_bridge.measure_bridge(
        protocol, pair, row, lambda steps: tick(0.9 * steps / protocol.steps)
    )
