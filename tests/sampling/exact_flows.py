"""Networks without error, of flows whose law of both ends is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snowmelt.densities import CoupledMixture
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process, RectifiedFlow, VariancePreserving, expand
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock

STRAIGHT = RectifiedFlow(RectifiedClock())
COSINE = VariancePreserving(Cosine())
COUNT = 3000  # of ways


class ExactFlow(nn.Module):
    """The network without error of a known law of both ends."""

    def __init__(
        self,
        law: CoupledMixture,
        process: Process,
        interpolant: Interpolant,
        prediction: Prediction,
    ) -> None:
        super().__init__()
        self.law = law
        self.process = process
        self.interpolant = interpolant
        self.prediction = prediction

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        t = self.process.time(log_snr[0])
        alpha, sigma = self.process.alpha(t), self.process.sigma(t)
        length = (alpha**2 + sigma**2).sqrt()
        means = self.law.estimates(x.double() * length, self.process, self.interpolant, t)
        ends = self.interpolant.ends(self.process, *means, t)
        unit = expand(alpha / length, means[0]), expand(sigma / length, means[0])
        return self.prediction.target(*ends, *unit).to(x.dtype)


class ExactBridge(ExactFlow):
    """The same with the noise on the way as a second answer."""

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        t = self.process.time(log_snr[0])
        length = (self.process.alpha(t) ** 2 + self.process.sigma(t) ** 2).sqrt()
        means = self.law.estimates(x.double() * length, self.process, self.interpolant, t)
        return torch.cat((super().forward(x, log_snr), means[2].to(x.dtype)), dim=1)
