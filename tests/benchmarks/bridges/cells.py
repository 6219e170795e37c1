"""The cells of the table: one method on one pair, trained, carried, measured and kept.

Each function does one piece of work, in a process of its own, and leaves its result in a
file; what is there is not done again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snowmelt.common.files import new_file, read_json, write_json
from snowmelt.evaluation.metrics.wasserstein import wasserstein_2
from tests.benchmarks.bridges.batches import EPOCHS, Batches, Coupled, Draws, OwnPairs
from tests.benchmarks.bridges.distributions import PAIRS, Ends
from tests.benchmarks.bridges.flows import Flow, alternate, carried, flowed
from tests.benchmarks.bridges.methods import METHODS, Method

TRUE = "true points"
REFLOWED = 5  # starts of a reflow for each point of the data, where they are drawn
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
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    steps: int = 20_000
    points: int = 10_000
    batch: int = 512
    plans: int = 20
    sampling_steps: int = 100

    @property
    def folder(self) -> Path:
        """Where the cells of these settings lie."""
        named = f"{self.steps}-steps-{self.points}-points-{self.plans}-plans"
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


def find_plans(protocol: Protocol, pair: str, seed: int) -> None:
    """The optimal plans of the batches of one seed. Shapes: kept as (blocks, steps, B)"""
    path = _plans(protocol, pair, seed)
    if path.is_file():
        return
    draws = protocol.draws(pair)[protocol.seeds.index(seed)]
    coupling = METHODS["OT-CFM"].coupling
    found = [draws.partners(block, coupling) for block in range(protocol.blocks())]
    _save(path, np.save, np.stack(found))


def train(protocol: Protocol, pair: str, name: str, tick: Tick = lambda _: None) -> None:
    """Train a method on all seeds, carry the test starts, keep ends and energies."""
    path, method = protocol.file(pair, f"{name}.npz"), METHODS[name]
    if path.is_file():
        return
    started = time.perf_counter()
    flow = trained(protocol, pair, method, tick)
    seconds = time.perf_counter() - started
    starts = np.stack([split[2].start for split in protocol.ends(pair)])
    kept: dict[str, Any] = {"seconds": seconds}
    for weights, averaged in (("last", False), ("average", True)):
        denoiser, steps = flow.denoiser(averaged), protocol.sampling_steps
        paths = flowed(denoiser, starts, steps)
        ends = paths.ends.numpy().reshape(starts.shape)
        if method.is_bridge:
            ends = carried(denoiser, method.sampler(steps), starts, seed=0)
        energies = paths.energies.numpy().reshape(starts.shape[:2]).mean(1)
        kept |= {weights: ends, f"{weights}_energy": energies}
    kept["sampling_seconds"] = time.perf_counter() - started - seconds
    _save(path, np.savez, **kept)


def trained(protocol: Protocol, pair: str, method: Method, tick: Tick) -> Flow:
    """The flow of a method after its training, whose state is kept on the way."""
    flow = Flow(method, PAIRS[pair].size, protocol.seeds)
    path = protocol.file(pair, f"{method.name}.pt")
    if path.is_file():
        flow.load(torch.load(path, weights_only=True))
    if flow.step == protocol.steps:
        return flow
    draws, steps = protocol.draws(pair), protocol.steps
    plans = None
    if not method.coupling.is_independent:
        found = [np.load(_plans(protocol, pair, seed)) for seed in protocol.seeds]
        plans = np.stack(found)
    batches: Batches = Coupled(draws, plans)
    if method.of is not None:
        batches = own_pairs(protocol, pair, METHODS[method.of], draws, tick)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = 0

    def tell(flow: Flow) -> None:
        nonlocal told
        with new_file(path) as draft:
            torch.save(flow.state(), draft)
        tick(flow.step - told)
        told = flow.step

    if method.rounds > 1:
        alternate(flow, batches, draws, steps, protocol.sampling_steps, tell)
    else:
        flow.learn(batches, 0, steps, tell)
    return flow


def own_pairs(
    protocol: Protocol, pair: str, method: Method, draws: Sequence[Draws], tick: Tick
) -> OwnPairs:
    """The starts of a trained flow, and where it carries them."""
    flow = trained(protocol, pair, method, tick)
    start = np.stack([one.ends.start for one in draws])
    if draws[0].draws_starts:
        seeds, count, size = start.shape
        shape = (seeds, REFLOWED * count, size)
        start = np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
    sampler = method.sampler(protocol.sampling_steps)
    data = carried(flow.denoiser(), sampler, start, seed=0)
    return OwnPairs(data, start, protocol.seeds, protocol.batch)


def measure(protocol: Protocol, pair: str, name: str, weights: str, seed: int) -> None:
    """The distance of one seed's carried points from the test points, and its energy."""
    path = protocol.file(pair, f"{name}.{weights}.{seed}.json")
    if path.is_file():
        return
    place = protocol.seeds.index(seed)
    test = PAIRS[pair].split(protocol.points, seed)[2]
    kept = np.load(protocol.file(pair, f"{name}.npz"))
    distance = wasserstein_2(kept[weights][place], test.data)
    energy = float(kept[f"{weights}_energy"][place])
    write_json(path, {"seed": seed, "distance": distance, "energy": energy})


def measure_truth(protocol: Protocol, pair: str, seed: int) -> None:
    """The distance of other true points from the test points, and that of the two ends."""
    path = protocol.file(pair, f"{TRUE}.{seed}.json")
    if path.is_file():
        return
    _, others, test = PAIRS[pair].split(protocol.points, seed)
    floor = wasserstein_2(others.data, test.data)
    path.parent.mkdir(parents=True, exist_ok=True)
    ends = wasserstein_2(test.start, test.data)
    write_json(path, {"seed": seed, "floor": floor, "ends": ends})


def found(protocol: Protocol, pair: str, name: str) -> list[dict[str, Any]]:
    """What was measured of each seed so far."""
    paths = [protocol.file(pair, f"{name}.{seed}.json") for seed in protocol.seeds]
    return [read_json(path, made_by="bench") for path in paths if path.is_file()]


def _plans(protocol: Protocol, pair: str, seed: int) -> Path:
    return protocol.file(pair, f"plans.{seed}.npy")


def _save(path: Path, writes: Callable[..., None], *given: Any, **named: Any) -> None:
    """Let numpy write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as draft, draft.open("wb") as file:
        writes(file, *given, **named)
