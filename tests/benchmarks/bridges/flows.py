"""A flow of several seeds: how it learns, where it carries points, how it alternates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser, bridge_losses
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Simple
from snowmelt.evaluation.transport.flow_paths import FlowPaths, PathMeter
from snowmelt.sampling.samplers.loop import descend
from snowmelt.sampling.samplers.ode import Euler
from snowmelt.sampling.samplers.sampler import Sampler, Watcher
from snowmelt.training.ema import EMA
from snowmelt.training.optimizers import AdamW
from snowmelt.training.optimizers.recipe import Trained
from tests.benchmarks.bridges.batches import Batches, Draws, OwnPairs
from tests.benchmarks.bridges.distributions import Points
from tests.benchmarks.bridges.methods import PROCESS, Method
from tests.benchmarks.bridges.perceptrons import Perceptrons, TurnedRound

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-5
DECAY, WARMUP_POWER = 0.999, 0.75  # of the average that stands beside the last weights
SECOND_MOMENT = 0.999  # torch's own, and the papers'
PAIRS_OF_A_ROUND = 10_000


Tell = Callable[["Flow"], None]


class Flow:
    """A network of several seeds, and the average of its weights.

    Args:
        size: D, of the points.
        seeds: one network each.
    """

    def __init__(self, method: Method, size: int, seeds: Sequence[int]) -> None:
        self.method, self.seeds = method, tuple(seeds)
        self.net = Perceptrons((size,), seeds, answers=2 if method.is_bridge else 1)
        self.average = EMA(self.net, DECAY, WARMUP_POWER)
        trained = Trained(self.net, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.optimizer = AdamW(beta_2=SECOND_MOMENT).optimizer(trained)
        self.step = 0

    def denoiser(self, averaged: bool = False) -> Denoiser:
        """The flow by its last weights, or by their average."""
        return self.method.denoiser(self.average.net if averaged else self.net)

    def way_back(self) -> Denoiser:
        """The same bridge from the data to the start."""
        return self.method.denoiser(TurnedRound(self.net))

    def state(self) -> dict[str, Any]:
        """What a training goes on from: the weights, their average, the optimiser."""
        return {
            "last": self.net.state_dict(),
            "average": self.average.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the state of a training."""
        self.net.load_state_dict(state["last"])
        self.average.net.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def learn(self, batches: Batches, begin: int, end: int, tell: Tell) -> None:
        """Take the steps of a round, or what is left of them.

        Args:
            batches: of the round; the first block is that of the step `begin`.
            tell: is called with this flow after each block.
        """
        denoiser = self.denoiser()
        while self.step < end:
            x_0, x_1 = batches((self.step - begin) // batches.steps)
            random = torch.Generator().manual_seed(self.step)
            count = min(len(x_0), end - self.step)
            t = torch.rand(x_0.shape[:2], generator=random)
            z = torch.randn(x_0.shape, generator=random)
            for k in range(count):
                losses = _losses(self.method, denoiser, x_0[k], x_1[k], z[k], t[k])
                self._descend(losses)
            tell(self)

    def _descend(self, losses: Tensor) -> None:
        # The mean of each seed's batch, and the sum of them: no seed sees another's.
        (losses.mean() * len(self.seeds)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.net, self.step, self.step + 1)
        self.step += 1


def _losses(
    method: Method, denoiser: Denoiser, x_0: Tensor, x_1: Tensor, z: Tensor, t: Tensor
) -> Tensor:
    """Shapes: x_0, x_1, z: (B, D), t: (B,) -> (B,)"""
    x_0, x_1 = method.interpolant.ends(PROCESS, x_0, x_1, z, t)
    if isinstance(denoiser, BridgeDenoiser):
        return bridge_losses(denoiser, x_0, x_1, z, t)
    return Simple()(denoiser, x_0, t, x_1)


def carried(
    denoiser: Denoiser,
    sampler: Sampler,
    starts: Points,
    *,
    seed: int,
    watch: Watcher | None = None,
) -> Points:
    """Where the points of all seeds come to. Shapes: (seeds, N, D) -> (seeds, N, D)"""
    x = torch.from_numpy(starts.reshape(-1, starts.shape[2]))
    index = torch.arange(len(x))
    ends = descend(denoiser, sampler, x, index=index, seed=seed, watch=watch)
    return ends.numpy().reshape(starts.shape)


def flowed(denoiser: Denoiser, starts: Points, steps: int) -> FlowPaths:
    """The paths of the flow, by Euler's rule, of the points of all seeds.

    Shapes:
        starts: (seeds, N, D) -> seeds * N paths
    """
    meter = PathMeter(PROCESS)
    carried(denoiser, Euler(steps), starts, seed=0, watch=meter)
    return meter.paths()


def alternate(
    flow: Flow,
    first: Batches,
    draws: Sequence[Draws],
    steps: int,
    sampling_steps: int,
    tell: Tell,
) -> None:
    """Iterated Markovian fitting, both ways at once (DSBM-IMF).

    The first round learns from independent pairs, each other one from those of the bridge
    as it is: half of them carried from starts, half of them back from data.

    Args:
        first: independent pairs.
        draws: the points of each seed, to begin walks at.
        steps: of the training, over all rounds.
        tell: is called with the flow at the end of each round, where it can go on from.

    References:
        Shi et al. (2023), arXiv:2303.16852, algorithm 1; Tong et al. (2024),
        arXiv:2307.03672, whose code walks both ways at the end of a round.
    """
    rounds = flow.method.rounds
    sampler = flow.method.sampler(sampling_steps)
    half = min(PAIRS_OF_A_ROUND // 2, len(draws[0].ends.data))
    for number in range(rounds):
        begin, end = (place * steps // rounds for place in (number, number + 1))
        if flow.step >= end:
            continue
        batches: Batches = first
        if number:
            random = np.random.default_rng([6, number])
            data = _some(random, [one.ends.data for one in draws], half)
            start = _some(random, [one.ends.start for one in draws], half)
            if draws[0].draws_starts:
                start = random.standard_normal(start.shape, dtype=np.float32)
            to_data = carried(flow.denoiser(), sampler, start, seed=2 * number)
            to_start = carried(flow.way_back(), sampler, data, seed=2 * number + 1)
            x_0 = np.concatenate((to_data, data), axis=1)
            x_1 = np.concatenate((start, to_start), axis=1)
            batches = OwnPairs(x_0, x_1, flow.seeds, draws[0].batch)
        flow.learn(batches, begin, end, lambda _: None)
        tell(flow)


def _some(random: np.random.Generator, points: Sequence[Points], count: int) -> Points:
    """Shapes: (N, D) of each seed -> (seeds, count, D)"""
    return np.stack([one[random.permutation(len(one))[:count]] for one in points])
