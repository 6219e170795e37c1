"""The cells of the table: one method on one pair, trained, carried, measured and kept.

Each function does one piece of work, in a process of its own, and leaves its result in a
file; what is there is not done again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snowmelt.common.files import new_file, read_json, write_json
from snowmelt.evaluation.metrics.wasserstein import wasserstein_2
from tests.benchmarks.bridges.batches import EPOCHS, Coupled, Draws
from tests.benchmarks.bridges.distributions import PAIRS, Ends
from tests.benchmarks.bridges.flows import WEIGHTS, Flow, carried, flowed
from tests.benchmarks.bridges.methods import METHODS, Method
from tests.benchmarks.bridges.rounds import alternate
from tests.benchmarks.bridges.validation import validation

TRUE = "true points"
SHORT = 20  # steps of sampling of DSBM's table, whose rows are these
SHORT_ROWS = ("DSBM-IMF", "OT-CFM", "rectified flow")
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Protocol:
    """How all cells are made.

    Attributes:
        out: the folder of what is kept.
        points: to train, and to test, at each end.
        plans: blocks of batches whose optimal plans are found; they come again in turn.
    """

    out: Path
    seeds: tuple[int, ...] = (42, 43, 44, 45, 46)
    steps: int = 20_000
    points: int = 10_000
    batch: int = 512
    plans: int = 20
    sampling_steps: int = 100

    @property
    def few(self) -> tuple[int, ...]:
        """The seeds of the table of few steps, whose distances would cost as much again."""
        return self.seeds[:2]

    @property
    def folder(self) -> Path:
        """Where the cells of these settings lie."""
        # What a method means is a part of it: results of another day may go on here.
        named = f"best-two-ways-{self.steps}-steps-{self.points}-points-{self.plans}-plans"
        return self.out / f"{named}-seeds-{'-'.join(map(str, self.seeds))}"

    def ends(self, pair: str) -> list[list[Ends]]:
        """To train on, to validate on and to test on, of each seed."""
        return [PAIRS[pair].split(self.points, seed) for seed in self.seeds]

    def draws(self, pair: str) -> list[Draws]:
        """The batches of each seed."""
        draws_starts = PAIRS[pair].start is None
        return [
            Draws(split[0], seed, draws_starts, self.batch)
            for seed, split in zip(self.seeds, self.ends(pair), strict=True)
        ]

    def file(self, pair: str, name: str) -> Path:
        """Where one result is kept."""
        return self.folder / _plain(pair) / _plain(name)

    def blocks(self) -> int:
        """How many blocks of plans are of use."""
        return min(self.plans, -(-self.steps // self._steps_of_a_block()))

    def planned_steps(self) -> int:
        """How many batches have plans of their own."""
        return self.blocks() * self._steps_of_a_block()

    def _steps_of_a_block(self) -> int:
        return EPOCHS * (self.points // self.batch)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


def find_plans(protocol: Protocol, pair: str, seed: int, name: str) -> None:
    """The plans of the batches of one seed, for the methods of one kind of plan.

    Shapes:
        kept as (blocks, steps, B)
    """
    path = plans_file(protocol, pair, seed, name)
    if path.is_file():
        return
    draws = protocol.draws(pair)[protocol.seeds.index(seed)]
    coupling = METHODS[name].coupling
    found = [draws.partners(block, coupling) for block in range(protocol.blocks())]
    _save(path, np.save, np.stack(found))


def train(protocol: Protocol, pair: str, name: str, tick: Tick = lambda _: None) -> float:
    """Train a method on all seeds, carry the test starts, keep ends and energies.

    Returns:
        Processor seconds that calls which were killed have spent on it.
    """
    path, method = ends_file(protocol, pair, name), METHODS[name]
    if path.is_file():
        return float(np.load(path)["seconds"])
    started = time.process_time()
    flow = trained(protocol, pair, method, tick)
    starts = np.stack([split[2].start for split in protocol.ends(pair)])
    kept: dict[str, Any] = {}
    asked = [(weights, weights, protocol.sampling_steps) for weights in WEIGHTS]
    if name in SHORT_ROWS:
        asked.append(("short", "best", SHORT))
    for kind, weights, steps in asked:
        denoiser = flow.denoiser(weights)
        paths = flowed(denoiser, starts, steps)
        ends = paths.ends.numpy().reshape(starts.shape)
        if method.is_bridge:
            ends = carried(denoiser, method.sampler(steps), starts, seed=0)
        energies = paths.energies.numpy().reshape(starts.shape[:2]).mean(1)
        kept |= {kind: ends, f"{kind}_energy": energies}
    kept["seconds"] = flow.seconds + time.process_time() - started
    _save(path, np.savez, **kept)
    return flow.seconds


def trained(protocol: Protocol, pair: str, method: Method, tick: Tick) -> Flow:
    """The flow of a method after its training, whose state is kept on the way."""
    flow = Flow(method, PAIRS[pair].size, protocol.seeds)
    path = protocol.file(pair, f"{method.name}.pt")
    if path.is_file():
        flow.load(torch.load(path, weights_only=True))
    if flow.step == protocol.steps:
        return flow
    draws, steps = protocol.draws(pair) * method.ways, protocol.steps
    plans = None
    if not method.coupling.is_independent:
        names = [plans_file(protocol, pair, seed, method.name) for seed in protocol.seeds]
        plans = np.stack([np.load(name) for name in names])
    batches = Coupled(draws, plans)
    others = [split[1] for split in protocol.ends(pair)] * method.ways
    held = validation(draws, others, method.coupling)
    path.parent.mkdir(parents=True, exist_ok=True)
    told, started = flow.step, time.process_time()

    def tell(flow: Flow) -> None:
        nonlocal told
        with new_file(path) as draft:
            now = {"seconds": flow.seconds + time.process_time() - started}
            torch.save(flow.state() | now, draft)
        tick(flow.step - told)
        told = flow.step

    if method.rounds > 1:
        walk = protocol.sampling_steps
        alternate(flow, batches, held, draws, others, steps, walk, tell)
    else:
        flow.learn(batches, held, 0, steps, tell)
    return flow


def measure(protocol: Protocol, pair: str, name: str, weights: str, seed: int) -> None:
    """The distance of one seed's carried points from the test points, and its energy.

    Args:
        weights: `best` or `average`, or `short` for the best in `SHORT` steps.
    """
    path = protocol.file(pair, f"{name}.{weights}.{seed}.json")
    if path.is_file():
        return
    place = protocol.seeds.index(seed)
    test = PAIRS[pair].split(protocol.points, seed)[2]
    kept = np.load(ends_file(protocol, pair, name))
    distance = wasserstein_2(kept[weights][place], test.data)
    energy = float(kept[f"{weights}_energy"][place])
    write_json(path, {"seed": seed, "distance": distance, "energy": energy})


def measure_truth(protocol: Protocol, pair: str, seed: int) -> None:
    """How far the test points are from other true ones, from those of the training, and
    from their starts.
    """
    path = protocol.file(pair, f"{TRUE}.{seed}.json")
    if path.is_file():
        return
    train, others, test = PAIRS[pair].split(protocol.points, seed)
    from_test = {
        "floor": wasserstein_2(others.data, test.data),
        "trained": wasserstein_2(train.data, test.data),
        "ends": wasserstein_2(test.start, test.data),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"seed": seed, **from_test})


def found(protocol: Protocol, pair: str, name: str) -> list[dict[str, Any]]:
    """What was measured of each seed so far."""
    paths = [protocol.file(pair, f"{name}.{seed}.json") for seed in protocol.seeds]
    return [read_json(path, made_by="bench") for path in paths if path.is_file()]


def ends_file(protocol: Protocol, pair: str, name: str) -> Path:
    """Where the points are kept that a method has carried."""
    return protocol.file(pair, f"{name}.npz")


def plans_file(protocol: Protocol, pair: str, seed: int, name: str) -> Path:
    """Where the plans of one seed are kept; methods of one kind of plan share them."""
    kind = type(METHODS[name].coupling).__name__
    return protocol.file(pair, f"plans.{kind}.{seed}.npy")


def _save(path: Path, writes: Callable[..., None], *given: Any, **named: Any) -> None:
    """Let numpy write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as draft, draft.open("wb") as file:
        writes(file, *given, **named)
