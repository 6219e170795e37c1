r"""Predictor-corrector sampling: Langevin steps at the time that each step has reached.

A predictor, any sampler, moves from $t$ to $s$ and makes an error. The corrector then stays
at $s$ and takes Langevin steps, which bring any distribution closer to the marginal $q_s$:

$$x \leftarrow x + e\,\nabla\log q_s(x) + \sqrt{2e}\;z.$$

The size $e$ of the walk's steps is chosen by the ratio $r$ of the length of the move along
the score to that of the noise. The move is $r$ times the noise where $e = 2\,(r\,\|z\| /
\|\mathrm{score}\|)^2$. The step must not depend on the state that it moves, or the walk
ends in another distribution; and not on the other examples of a batch, as it does in the
code of the paper, which takes the mean of both lengths over the batch. So the lengths are
replaced here by what they are on average: $\sqrt d$, and $\sqrt d/\sigma_s$ for the score
of data that has no spread of its own beside the noise. What remains is $e = 2 r^2
\sigma_s^2$, the rule of annealed Langevin dynamics. `OwnLengths` is the other way to have
no batch in it.

On data $N(0, v)$ a walk of fixed $e$ ends in the variance $v / (1 - e/2v)$, not in $v$:
that is the bias of taking finite steps without accepting or refusing them. It is set by $r$
and does not shrink with the number of steps: the declared order is that of the predictor.

References:
    Song et al. (2021), arXiv:2011.13456, algorithms 2 to 5 (predictor-corrector);
    Song & Ermon (2019), arXiv:1907.05600, algorithm 1 (steps of size sigma^2).
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count, Factor, Repeats
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.sampler import Memory, Sampler, WholePath
from snowmelt.sampling.samplers.thresholds import Threshold


class StepSize(ABC):
    """How long a Langevin step is, for a ratio of score to noise of one."""

    @abstractmethod
    def __call__(self, process: Process, s: Tensor, eps_hat: Tensor, z: Tensor) -> Tensor:
        """The size $e / 2r^2$ at time s.

        Shapes:
            s: (), eps_hat, z: (B, *D) -> () or (B,) float64
        """


class MeanLengths(StepSize):
    r"""$\sigma_s^2$: both lengths are what they are on average where noise prevails."""

    def __call__(self, process: Process, s: Tensor, eps_hat: Tensor, z: Tensor) -> Tensor:
        return process.sigma(s) ** 2


class OwnLengths(StepSize):
    r"""$(\|z\|/\|\mathrm{score}\|)^2$, with the lengths of each example by itself.

    For images, where a length hardly depends on the state. The size grows without bound
    near a mode, so with d numbers an example it ends in a wrong variance: of one standard
    normal it makes about $1 + r^2$ for d in the thousands, but 1.3 for d = 16 and 4.5 for
    points of a plane (r = 0.16). It is cut where one step would carry the state beyond
    the estimate of the data, $e = \sigma_s^2$.
    """

    def __call__(self, process: Process, s: Tensor, eps_hat: Tensor, z: Tensor) -> Tensor:
        # In float64, so that the order of the sums, which a batch may change, rounds away.
        lengths_sq = [y.to(torch.float64).flatten(1).square().sum(1) for y in (z, eps_hat)]
        return process.sigma(s) ** 2 * lengths_sq[0] / lengths_sq[1]


class PredictorCorrector(Sampler):
    r"""Any sampler's steps, each followed by Langevin steps.

    The size is $e = 2 a\,r^2\,(\dots)$, where $a = (\alpha_t/\alpha_s)^2$ is what is kept
    of the signal's variance by the step that was just undone: $1 - \beta$ of a
    variance-preserving chain, as in algorithm 5 (where it is that of the next step), and 1
    of a variance-exploding one, as in algorithm 4.

    Args:
        steps: times of the grid.
        predictor: takes the steps; its own steps, grid and threshold give way to those of
            the whole.
        corrections: Langevin steps after each of the predictor's, none after the last.
        signal_to_noise: r above.
        size: how lengths are measured; None: `MeanLengths`.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: an argument out of range, or a predictor that chooses its own steps.
    """

    def __init__(
        self,
        steps: Count,
        predictor: Sampler,
        corrections: Repeats = 1,
        signal_to_noise: Factor = 0.16,
        size: StepSize | None = None,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        check_at_least(0, corrections=corrections)
        if not 0.0 < signal_to_noise < math.sqrt(0.5):
            # At e = sigma^2 a step reaches the estimate of the data.
            raise ValueError(
                f"signal_to_noise must lie between 0 and sqrt(1/2), got {signal_to_noise}"
            )
        if isinstance(predictor, WholePath):
            raise ValueError(
                f"predictor must take its steps one by one, got {type(predictor).__name__}"
            )
        self.predictor = copy.copy(predictor)
        self.predictor.steps = steps
        self.predictor.grid, self.predictor.threshold = self.grid, self.threshold
        self.corrections = corrections
        self.signal_to_noise = signal_to_noise
        self.size = MeanLengths() if size is None else size
        self.order = predictor.order
        self.draws = predictor.draws + corrections
        self.needs_finite_slope = predictor.needs_finite_slope
        self.holds_slope = predictor.holds_slope
        self.needs_learned_variance = predictor.needs_learned_variance

    @property
    def evaluations(self) -> int:
        return self.predictor.evaluations + (self.steps - 1) * self.corrections

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        draws = self.predictor.draws
        x = self.predictor.step(denoiser, x_t, t, s, noise[:draws], memory)
        process = denoiser.process
        kept = (process.alpha(t) / process.alpha(s)) ** 2
        for z in noise[draws:]:
            _, eps_hat = self.estimates(denoiser, x, s)
            size = 2.0 * self.signal_to_noise**2 * self.size(process, s, eps_hat, z)
            size = torch.minimum(kept * size, process.sigma(s) ** 2)
            # score = -eps_hat / sigma
            x = x - expand(size / process.sigma(s), x) * eps_hat
            x = x + expand((2.0 * size).sqrt(), x) * z
        return x

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        return self.predictor.last(denoiser, x_t, t)
