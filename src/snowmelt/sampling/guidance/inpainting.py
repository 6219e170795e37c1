r"""Inpainting: known values stay what they are, the others are drawn to go with them.

After each step the known part of the state is replaced by the known values as they would
look at that time, $\alpha_t x_0 + \sigma_t\epsilon$. The network thus sees that part at the
right noise level, but what is drawn hears of it only through the network's next answer, and
the two fit badly. RePaint takes each step several times over, going back up by the forward
kernel in between, so that they can come to agree.

Neither draws exactly from the conditional density; more resampling comes closer.

References:
    Song et al. (2021), arXiv:2011.13456, appendix I.2 (replacement);
    Lugmayr et al. (2022), arXiv:2201.09865, algorithm 1 (RePaint, with jumps of one step).
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Few
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.guidance.guidance import (
    Conditioning,
    Draw,
    Guidance,
    refuse_whole_path,
)
from snowmelt.sampling.guidance.masks import Mask
from snowmelt.sampling.samplers.constraint import Constraint
from snowmelt.sampling.samplers.sampler import Sampler


class Replacement(Constraint):
    """The known values, perturbed to the time of the state; at t = 0 as they are.

    Args:
        x_0: real examples; what is not known of them is not looked at.
        known: True where a value is known.
        resamples: how often each step is taken; more than once is RePaint.

    Shapes:
        x_0: (B, *D), known: (*D) or (B, *D) bool

    Raises:
        ValueError: no resample, or a mask that does not fit.
    """

    def __init__(self, x_0: Tensor, known: Tensor, resamples: int = 1) -> None:
        check_at_least(1, resamples=resamples)
        if known.shape not in (x_0.shape, x_0.shape[1:]):
            raise ValueError(
                f"a mask of shape {tuple(known.shape)} does not fit data of"
                f" {tuple(x_0.shape)}"
            )
        self.x_0, self.known, self.resamples = x_0, known, resamples

    def impose(self, process: Process, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        # The schedule leaves a trace of noise at t = 0, the data has none.
        perturbed = process.perturb(self.x_0, t, noise)
        return torch.where(self.known, torch.where(t > 0, perturbed, self.x_0), x_t)


class Inpainting(Guidance):
    """Held-out examples with a part hidden, and filled in.

    Args:
        mask: what is hidden.
        resamples: 1 for replacement, more for RePaint; the calls of the network grow alike.

    Raises:
        ValueError: fewer than one resample.
    """

    needs_examples = True

    def __init__(self, mask: Mask, resamples: Few = 1) -> None:
        check_at_least(1, resamples=resamples)
        self.mask, self.resamples = mask, resamples

    def check(self, conditioning: Conditioning, sampler: Sampler) -> None:
        super().check(conditioning, sampler)
        self.mask.check(conditioning.shape)

    def check_sampler(self, sampler: Sampler) -> None:
        refuse_whole_path(sampler)

    def evaluations(self, sampler: Sampler, process: Process) -> int:
        """Every step but the last one, which takes one call, is repeated."""
        return sampler.repeated_evaluations(self.resamples)

    def seen(self, index: Tensor, conditioning: Conditioning, *, seed: int) -> Tensor:
        known = self.mask.known(index, conditioning.shape, seed=seed)
        return torch.where(known, conditioning.real(index), 0.0)

    def draw(self, asked: Draw) -> Tensor:
        index, conditioning = asked.index, asked.conditioning
        known = self.mask.known(index, conditioning.shape, seed=asked.seed)
        held = Replacement(conditioning.real(index), known, self.resamples)
        return asked.sample(constraint=held)
