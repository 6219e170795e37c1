r"""Inversion: held-out examples carried up to noise by DDIM, and down again.

No noise is drawn. How far the samples are from the examples is what the steps lose on the
round trip; with more steps it vanishes.

References:
    Song, Meng & Ermon (2021), arXiv:2010.02502, section 5.4 (reconstruction).
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.diffusion.processes import Process
from snowmelt.sampling.guidance.guidance import Draw, Guidance
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.inversion import decode, encode
from snowmelt.sampling.samplers.sampler import Sampler


class Inversion(Guidance):
    """The round trip of held-out examples; the sampler is DDIM, which has a way back."""

    needs_examples = True

    def check_sampler(self, sampler: Sampler) -> None:
        if not isinstance(sampler, DDIM) or sampler.draws:
            raise ValueError(
                "inversion goes up by the steps of DDIM and needs it to come down again:"
                " take sampler=ddim with sampler.eta=0"
            )

    def evaluations(self, sampler: Sampler, process: Process) -> int:
        """Those of the way down, and as many of the way up."""
        return 2 * sampler.evaluations

    def draw(self, asked: Draw) -> Tensor:
        denoiser, sampler = asked.denoiser, asked.sampler
        steps, grid = sampler.steps, sampler.grid
        real = asked.conditioning.real(asked.index)
        latent = encode(denoiser, real, steps=steps, grid=grid)
        return decode(
            denoiser,
            latent,
            steps=steps,
            grid=grid,
            threshold=sampler.threshold,
            watch=asked.watch,
        )
