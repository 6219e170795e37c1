"""What a trajectory can be held to while it runs, for inpainting."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from snowmelt.diffusion.processes import Process


class Constraint(ABC):
    """Something that every state of a trajectory is made to agree with."""

    resamples: int = 1
    """How often each step is taken: after all but the last, the state is noised again."""

    @abstractmethod
    def impose(self, process: Process, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """The state at time `t`, made to agree; at t = 0 the noise has no part in it.

        Shapes:
            x_t: (B, *D), t: (), noise: (B, *D) -> (B, *D)
        """
