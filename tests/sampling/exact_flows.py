"""Networks without error, of bridges whose law of both ends is known."""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.densities import ExactFlow
from snowmelt.diffusion.processes import RectifiedFlow, VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock

STRAIGHT = RectifiedFlow(RectifiedClock())
COSINE = VariancePreserving(Cosine())
COUNT = 3000  # of ways


class ExactBridge(ExactFlow):
    """The flow's, with the noise on the way as a second answer."""

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        t = self.process.time(log_snr[0])
        length = (self.process.alpha(t) ** 2 + self.process.sigma(t) ** 2).sqrt()
        means = self.law.estimates(x.double() * length, self.process, self.interpolant, t)
        return torch.cat((super().forward(x, log_snr), means[2].to(x.dtype)), dim=1)
