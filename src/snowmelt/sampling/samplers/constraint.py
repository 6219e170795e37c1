"""Constraints on the states of a trajectory, for inpainting."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from snowmelt.diffusion.processes import Process


class Constraint(ABC):
    """A condition that is imposed on every state of a trajectory."""

    resamples: int = 1
    """How often each step is taken: after all but the last, the state is noised again."""

    @abstractmethod
    def impose(self, process: Process, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The state at time `t`, made to agree; at t = 0 the noise has no part in it.

        Shapes:
            x_t: (B, *D), t: (), noise: (B, *D) -> (B, *D)
        """
