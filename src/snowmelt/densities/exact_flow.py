"""The network without error of a flow whose law of both ends is known.

It answers what a training on endless pairs of that law would end in, so what a sampler gets
wrong with it is the sampler's fault. Around it a `Denoiser` is exact for any start.
"""

from __future__ import annotations

from torch import Tensor, nn

from snowmelt.densities.coupled_mixture import CoupledMixture
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process, expand


class ExactFlow(nn.Module):
    """The mean of a prediction's target over the effective ends, given the state.

    Args:
        law: of both ends.
        process, interpolant: of the way between them. The states of a batch are all of one
            time, as they are in sampling.
        prediction: the target whose mean it returns.
    """

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
        """Shapes: x: (B, D), log_snr: (B,), all of one value -> (B, D)"""
        t = self.process.time(log_snr[0])
        alpha, sigma = self.process.alpha(t), self.process.sigma(t)
        length = (alpha**2 + sigma**2).sqrt()
        means = self.law.estimates(x.double() * length, self.process, self.interpolant, t)
        ends = self.interpolant.ends(self.process, *means, t)
        unit = expand(alpha / length, means[0]), expand(sigma / length, means[0])
        return self.prediction.target(*ends, *unit).to(x.dtype)
