r"""UniPC: a multistep prediction, corrected by the evaluation that the next step needs.

On the clock $\ell = \lambda/2 = \log(\alpha/\sigma)$ a step $h = \ell_s - \ell_t$ of the
probability-flow ODE is (`dpm`)

$$x_s = \frac{\sigma_s}{\sigma_t}\,x_t
      + \alpha_s\,h \int_0^1 e^{-h(1 - u)}\,\hat x_0(u)\,du .$$

UniP-p puts in the polynomial through the last $p$ estimates of the data. UniC-p waits for
the estimate at the state that came out, which the next step asks for anyway, puts in the
polynomial through that one too, and so gains an order without another evaluation. Only the
state is mended; the estimate is not asked for again.

Where a single difference of two estimates is weighed ($p = 2$ of the prediction, $p = 1$ of
the correction) its weight is one half of what the whole step gives, $B_2(h) = e^h - 1$ in
the paper's terms: the same to the order that counts. So the prediction of UniPC-2 is
DPM-Solver++(2M).

The correction is added to the state as it is found, so what a constraint has put in place
between two steps stays. An estimate from no signal at all is infinitely far back and says
nothing of a slope; the last step, to the data, has no next one and needs no correction,
since only the first order is finite there.

References:
    Zhao, Bai, Rao, Zhou & Lu (2023), arXiv:2302.04867, algorithms 1 and 2, theorem 3.1, in
    the form that predicts data (appendix A.1).
"""

from __future__ import annotations

import math

from torch import Tensor

from snowmelt.common.bounds import Count, Memories
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import expand
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.interpolation import combined, weights
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Threshold

Estimates = list[tuple[float, Tensor]]


class UniPC(Sampler):
    """UniPC-p on estimates of the data: one evaluation a step.

    Its order is $p + 1$, and 3 at most: the first step has nothing to look back on.

    Args:
        steps: evaluations of the network for one sample.
        points: $p$, the estimates that a prediction looks at: 1 to 3.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: `points` outside 1 to 3, or fewer than one step.
    """

    def __init__(
        self,
        steps: Count,
        points: Memories = 2,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        if not 1 <= points <= 3:
            raise ValueError(f"points must lie between 1 and 3, got {points}")
        self.points = points
        self.order = min(points + 1, 3)

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        process = denoiser.process
        now, after = (0.5 * float(process.log_snr(u)) for u in (t, s))
        x_0_hat = self.estimates(denoiser, x_t, t)[0]
        if "past" in memory:
            change = _correction(memory["past"], (now, x_0_hat))
            x_t = x_t + expand(process.alpha(t), x_t) * change
        # The last estimates with their places on the clock, the newest first.
        past = [(now, x_0_hat), *memory.get("past", [])][: self.points]
        past = [past[0], *(entry for entry in past[1:] if math.isfinite(entry[0]))]
        memory["past"] = past
        keep = process.sigma(s) / process.sigma(t)
        data = _data(past, step_weights(_places(past, now, after), after - now))
        return expand(keep, x_t) * x_t + expand(process.alpha(s), x_t) * data


def step_weights(places: list[float], h: float) -> list[float]:
    """The weights of estimates of the data at these places of a step of length h.

    The first place is 0, where the step begins; h may be infinite for one or two places.
    """
    whole = -math.expm1(-h)
    if len(places) == 1:
        return [whole]
    if len(places) == 2:
        half = 0.5 * whole / places[1]
        return [whole - half, half]
    return [h * weight for weight in weights(places, h)]


def _correction(past: Estimates, new: tuple[float, Tensor]) -> Tensor:
    """What the estimate at the end of a step changes in its result, divided by alpha."""
    start, end = past[0][0], new[0]
    places, h = _places(past, start, end), end - start
    predicted = _data(past, step_weights(places, h))
    return _data([*past, new], step_weights([*places, 1.0], h)) - predicted


def _places(past: Estimates, start: float, end: float) -> list[float]:
    """Where estimates lie on a clock on which the step goes from 0 to 1."""
    return [0.0, *((place - start) / (end - start) for place, _ in past[1:])]


def _data(past: Estimates, given: list[float]) -> Tensor:
    """What these weights make of the estimates."""
    return combined(given, [estimate for _, estimate in past])
