"""What a step of the training draws: a function of its seed, its number and the place.

So a training that was cut short draws the same again, and several processes, or parts of a
batch, draw together what one would.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.diffusion.denoiser import NULL_CLASS

_DROPOUT_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class StepDraws:
    """The random numbers of some examples of a batch, in one step.

    Attributes:
        slot: the place of each in the batch.

    Shapes:
        slot: (B,) int64
    """

    seed: int
    step: int
    slot: Tensor

    def noise(self, shape: tuple[int, ...]) -> Tensor:
        """Standard normal noise for events of a shape. Shapes: -> (B, *shape)"""
        return normal(
            shape,
            seed=self.seed,
            stream=Stream.TRAINING_NOISE,
            index=self.slot,
            step=self.step,
        )

    def path_noise(self, shape: tuple[int, ...]) -> Tensor:
        """The noise on the way between data and start. Shapes: -> (B, *shape)"""
        stream = Stream.PATH_NOISE
        return normal(shape, seed=self.seed, stream=stream, index=self.slot, step=self.step)

    def for_coupling(self) -> Tensor:
        """A number in (0, 1) for each example, to draw its partner by. Shapes: -> (B,)"""
        return self._uniform(Stream.COUPLING)

    def labels(self, labels: Tensor | None, p_uncond: float) -> Tensor | None:
        """The classes, some replaced by the null class. Shapes: (B,) int64 -> (B,)"""
        if labels is None:
            return None
        drawn = self._uniform(Stream.LABEL_DROPOUT)
        return torch.where(drawn < p_uncond, NULL_CLASS, labels)

    def self_conditioned(self, share: float) -> Tensor:
        """Which examples see the network's own estimate. Shapes: -> (B,) bool"""
        return self._uniform(Stream.SELF_CONDITIONING) < share

    def _uniform(self, stream: Stream) -> Tensor:
        """A number in [0, 1) for each example. Shapes: -> (B,)"""
        drawn = uniform(
            (1,), seed=self.seed, stream=stream, index=self.slot, step=self.step
        )
        return drawn[:, 0]


def seed_dropout(seed: int, step: int, rank: int, device: torch.device) -> None:
    """Seed the generator that dropout draws from by the step and the process."""
    seed += _DROPOUT_SEED_STRIDE * (step + 1) + rank
    # `torch.manual_seed` would queue the call, and a printed stack, for each kind of
    # device that nobody uses: at every step, for as long as the training runs.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
