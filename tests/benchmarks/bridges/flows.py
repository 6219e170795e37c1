"""A flow of several seeds: how it learns, and where it carries points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from snowmelt.common.compiler import has_compiler
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
from tests.benchmarks.bridges.batches import Batches
from tests.benchmarks.bridges.distributions import Points
from tests.benchmarks.bridges.methods import PROCESS, Method
from tests.benchmarks.bridges.perceptrons import Perceptrons, TurnedRound
from tests.benchmarks.bridges.validation import BestWeights, Validation

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-5
DECAY, WARMUP_POWER = 0.999, 0.75  # of the average that stands beside the last weights
SECOND_MOMENT = 0.999  # torch's own, and the papers'
_WORTH_COMPILING = 1_000  # steps of a round: a quarter of a minute against a third of them
WAY_BACK = 1_000  # what the seeds of its networks are further on
WEIGHTS = ("best", "average")  # that are measured

Tell = Callable[["Flow"], None]


class Flow:
    """Networks of several seeds, their best weights and the average of their weights.

    Where a method has two ways, the networks from start to data come first, those of the
    way back after them, in the same order of seeds.

    Args:
        size: D, of the points.
        seeds: one network each, or one for each way.

    Attributes:
        seeds: of the networks, each of which has one of its own.
        seconds: of a processor, that calls before this one have spent on its training.
    """

    def __init__(self, method: Method, size: int, seeds: Sequence[int]) -> None:
        self.method = method
        self.seeds = [way * WAY_BACK + seed for way in range(method.ways) for seed in seeds]
        self.net = Perceptrons((size,), self.seeds, answers=2 if method.is_bridge else 1)
        self.average = EMA(self.net, DECAY, WARMUP_POWER)
        self.best = BestWeights(self.net)
        trained = Trained(self.net, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.optimizer = AdamW(beta_2=SECOND_MOMENT).optimizer(trained)
        self.step, self.seconds = 0, 0.0

    def denoiser(self, weights: str = "last") -> Denoiser:
        """A copy of the flow by its `last`, `best` or `average` weights."""
        return self.method.denoiser(self._net(weights).part(0, self.method.ways))

    def way_back(self, weights: str = "last") -> Denoiser:
        """The bridge from the data to the start, by the networks of that way; those of a
        method of one way are turned round."""
        ways = self.method.ways
        return self.method.denoiser(TurnedRound(self._net(weights).part(ways - 1, ways)))

    def _net(self, weights: str) -> Perceptrons:
        nets = {"last": self.net, "best": self.best.net, "average": self.average.net}
        return cast(Perceptrons, nets[weights])

    def state(self) -> dict[str, Any]:
        """What a training goes on from: all weights and the optimiser."""
        return {
            "last": self.net.state_dict(),
            "average": self.average.net.state_dict(),
            "best": self.best.state(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the state of a training."""
        self.net.load_state_dict(state["last"])
        self.average.net.load_state_dict(state["average"])
        self.best.load(state["best"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def learn(
        self, batches: Batches, held: Validation, begin: int, end: int, tell: Tell
    ) -> None:
        """Take the steps of a round, or what is left of them.

        Args:
            batches: of the round; the first block is that of the step `begin`.
            held: the pairs that the weights of a round are chosen by.
            tell: is called with this flow after each block.
        """
        denoiser, compiled = self.method.denoiser(self.net), self._compiled(end)
        if self.step == begin:
            self.best.begin()
        while self.step < end:
            x_0, x_1 = batches((self.step - begin) // batches.steps)
            random = torch.Generator().manual_seed(self.step)
            count = min(len(x_0), end - self.step)
            t = torch.rand(x_0.shape[:2], generator=random)
            z = torch.randn(x_0.shape, generator=random)
            before = self.step
            for k in range(count):
                losses = _losses(self.method, compiled, x_0[k], x_1[k], z[k], t[k])
                self._descend(losses)
            if held.is_due(before - begin, self.step - begin) or self.step == end:
                self._validate(denoiser, held)
            tell(self)

    def _compiled(self, end: int) -> Denoiser:
        """The flow by its last weights, compiled where that is worth its time."""
        is_long = end - self.step >= _WORTH_COMPILING
        net: nn.Module = self.net
        if is_long and has_compiler():
            net = cast(nn.Module, torch.compile(net))
        return self.method.denoiser(net)

    def _validate(self, denoiser: Denoiser, held: Validation) -> None:
        found = held.losses(
            partial(_losses, self.method, denoiser), self.step, self.net.count
        )
        self.best.offer(self.net, found)

    def _descend(self, losses: Tensor) -> None:
        # The mean of each network's batch, and the sum of them: none sees another's.
        (losses.mean() * self.net.count).backward()
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
