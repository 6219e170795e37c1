r"""At which times a training looks: how the expectation over time is estimated.

References:
    Kingma et al. (2021), arXiv:2107.00630, appendix I.1 (low discrepancy);
    Nichol & Dhariwal (2021), arXiv:2102.09672, section 3.3 (importance sampling).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.randomness import Stream, uniform


class Times(ABC):
    """A rule for the time of every example of a batch, and the weight of its loss."""

    @abstractmethod
    def __call__(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int
    ) -> tuple[Tensor, Tensor]:
        """Times, and weights that keep the expectation of the loss what uniform times give.

        Args:
            slot: places in the batch of all processes together.
            batch_size: of all processes together.
            seed, step: key the randomness.

        Shapes:
            slot: (B,) -> times (B,) float64, weights (B,) float32
        """


class LowDiscrepancy(Times):
    """Times spread evenly over the batch, with one common random shift a step.

    Each time is uniform on (0, 1), but the batch covers the interval without gaps, which
    lowers the variance of the loss.

    References:
        Kingma et al. (2021), arXiv:2107.00630, appendix I.1.
    """

    def __call__(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int
    ) -> tuple[Tensor, Tensor]:
        shift = uniform(
            (1,), seed=seed, stream=Stream.TRAINING_TIME, index=slot[:1] * 0, step=step
        )
        times = (slot + shift[0, 0]) / batch_size
        return times, torch.ones(len(slot), device=slot.device)
