"""What the benchmark has to do, piece by piece, and what each waits for.

Apart from `__main__`, whose functions a process of the pool does not find by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from tests.benchmarks.bridges import cells, gaussian_bridge, published
from tests.benchmarks.bridges.cells import Protocol, ends_file, plans_file
from tests.benchmarks.bridges.distributions import GAUSSIAN
from tests.benchmarks.bridges.flows import WEIGHTS
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.work import Tick, Work

# Processor minutes of one piece of work on the machine of docs/bridges.md, for the bar.
PLANS, TRAINING, DISTANCE = 1.3, 2.4, 0.45


def pieces(protocol: Protocol, pairs: Sequence[str], rows: Sequence[str]) -> Iterator[Work]:
    """All that is to do for these cells, in order."""
    gaussian = {pair.name for pair in GAUSSIAN}
    for pair in pairs:
        there = gaussian_bridge.ROWS if pair in gaussian else published.rows(pair)
        wanted = [row for row in rows if row in there]
        yield from _plans_of(protocol, pair, wanted)
        if pair in gaussian:
            measure = partial(_quietly, gaussian_bridge.measure_exact, protocol, pair)
            yield Work(f"{pair}: {cells.TRUE}", measure, 0.1)
            for row in wanted:
                does = partial(_gaussian, protocol, pair, row)
                yield Work(f"{pair}: {row}", does, _size(row), _before(protocol, pair, row))
            continue
        for row in wanted:
            does = partial(_train, protocol, pair, row)
            after, file = _before(protocol, pair, row), ends_file(protocol, pair, row)
            yield Work(f"{pair}: {row}", does, _size(row), after, file)
            yield from _distances(protocol, pair, row)
        for seed in protocol.seeds:
            does = partial(_quietly, cells.measure_truth, protocol, pair, seed)
            yield Work(f"{pair}: {cells.TRUE} {seed}", does, 3 * DISTANCE)


def _plans_of(protocol: Protocol, pair: str, rows: Sequence[str]) -> Iterator[Work]:
    """The plans that some rows learn from; those of one kind of plan share them."""
    names = {_plans(pair, 0, row): row for row in rows if _has_plans(row)}
    for row in names.values():
        for seed in protocol.seeds:
            find = partial(_quietly, cells.find_plans, protocol, pair, seed, row)
            file = plans_file(protocol, pair, seed, row)
            yield Work(_plans(pair, seed, row), find, PLANS, file=file)


def _distances(protocol: Protocol, pair: str, row: str) -> Iterator[Work]:
    """Of all seeds by both weights; the table of few steps has fewer, for their price."""
    kinds = [(weights, protocol.seeds) for weights in WEIGHTS]
    if row in cells.SHORT_ROWS:
        kinds.append(("short", protocol.few))
    for kind, seeds in kinds:
        for seed in seeds:
            does = partial(_quietly, cells.measure, protocol, pair, row, kind, seed)
            name = f"{pair}: {row}, distance {kind} {seed}"
            yield Work(name, does, DISTANCE, (f"{pair}: {row}",))


def _before(protocol: Protocol, pair: str, row: str) -> tuple[str, ...]:
    """The plans it learns from; a reflow waits for no row, as it trains its first flow."""
    if not _has_plans(row):
        return ()
    return tuple(_plans(pair, seed, row) for seed in protocol.seeds)


def _has_plans(row: str) -> bool:
    return not METHODS[row].coupling.is_independent


def _plans(pair: str, seed: int, row: str) -> str:
    return f"{pair}: {type(METHODS[row].coupling).__name__} plans {seed}"


def _size(row: str) -> float:
    method = METHODS[row]
    answers, rounds = 1.7 if method.is_bridge else 1.0, 1.3 if method.rounds > 1 else 1.0
    return TRAINING * answers * rounds * (1.6 if method.ways > 1 else 1.0)


def _quietly(does: Any, *given: Any) -> None:
    *asked, _ = given
    does(*asked)


def _train(protocol: Protocol, pair: str, row: str, tick: Tick) -> float:
    return cells.train(
        protocol, pair, row, lambda steps: tick(0.9 * steps / protocol.steps)
    )


def _gaussian(protocol: Protocol, pair: str, row: str, tick: Tick) -> float:
    return gaussian_bridge.measure_bridge(
        protocol, pair, row, lambda steps: tick(0.9 * steps / protocol.steps)
    )
