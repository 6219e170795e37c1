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
    """The flow's, with minus the score as a second answer, in the unit of the noise."""

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        t = self.process.time(log_snr[0])
        length = (self.process.alpha(t) ** 2 + self.process.sigma(t) ** 2).sqrt()
        score = self.law.score(x.double() * length, self.process, self.interpolant, t)
        answer = -self.interpolant.std * score
        return torch.cat((super().forward(x, log_snr), answer.to(x.dtype)), dim=1)
