r"""The objectives that the network and a learned schedule are trained on.

The network minimises the mean of the losses. A learned schedule must not be trained by that
mean: the expectation of the variational bound does not depend on the schedule between its
ends, and under any other loss a schedule would make the task easier instead of the network
better. It minimises the variance of the losses:

$$\nabla_\eta \mathrm{Var}[L] = \nabla_\eta \mathrm{E}[L^2],$$

because $\mathrm{E}[L]$ does not depend on it. So each group of parameters has an objective
of its own, in which the other group is a constant.

References:
    Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, appendix I.2. They save the
    second pass through the network by the chain rule; here it is made, for clarity.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.self_conditioning import Fresh


class Objective(nn.Module):
    """The losses of a batch, with the parameters of either group held or free.

    Args:
        denoiser: what is trained.
        loss: the loss of each example.
    """

    def __init__(self, denoiser: Denoiser, loss: Loss) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.loss = loss
        self.learns_schedule = denoiser.schedule is not None and loss.trains_schedule

    def forward(
        self,
        x_0: Tensor,
        t: Tensor,
        eps: Tensor,
        labels: Tensor | None = None,
        chosen: Tensor | None = None,
    ) -> Tensor:
        """The loss of each example.

        Args:
            chosen: which examples see the network's own estimate; None: none.

        Shapes:
            x_0: (B, *D), t: (B,), eps: (B, *D), labels: (B,), chosen: (B,) bool -> (B,)
        """
        denoiser = self.denoiser if labels is None else self.denoiser.with_labels(labels)
        if chosen is not None:
            denoiser = denoiser.with_estimates(Fresh(chosen))
        return self.loss(denoiser, x_0, t, eps)

    def network_losses(self, *example: Tensor | None) -> Tensor:
        """The losses as a function of the network alone; arguments as of `forward`."""
        if self.denoiser.schedule is None:
            return self(*example)  # without a search through every parameter, at every step
        return self._holding("denoiser.schedule.", *example)

    def schedule_losses(self, *example: Tensor | None) -> Tensor:
        """The losses as a function of the schedule alone; arguments as of `forward`."""
        return self._holding("denoiser.net.", *example)

    def _holding(self, prefix: str, *example: Any) -> Tensor:
        held = {
            name: value.detach()
            for name, value in self.named_parameters()
            if name.startswith(prefix)
        }
        return functional_call(self, held, example) if held else self(*example)
