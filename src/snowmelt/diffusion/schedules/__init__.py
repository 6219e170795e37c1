r"""Noise schedules: how signal gives way to noise along time.

Every process of this package perturbs data as $x_t = \alpha(t)\,x_0 + \sigma(t)\,\epsilon$.
A schedule fixes one curve, the logarithm of the signal-to-noise ratio

$$\lambda(t) = \log\frac{\alpha(t)^2}{\sigma(t)^2}, \qquad t \in [0, 1],$$

with data at $t = 0$ and noise at $t = 1$; a process (`processes.py`) says what the two
scales are. All arithmetic goes through $\lambda$, since $1 - \bar\alpha$ in float32 loses
its digits near the data, where the logarithm keeps them.

A curve can be given in several ways, one module for each:

- `betas`: by the rate beta(t) at which noise is added;
- `alpha_bars`: by alpha_bar(t), the fraction of the data's variance that is left;
- `sigmas`: by the noise level sigma / alpha, or by its distribution over time;
- `chain`: by a table of betas, one a step;
- `transforms`: by changing another schedule;
- `learned`: by training.

To add a schedule: one class in this package with the method `log_snr`, and one YAML file in
`conf/schedule/` that names it. Tests, card, sweep and report find it there.
"""

from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.schedules.alpha_bars import Cosine, Sigmoid
from snowmelt.diffusion.schedules.betas import (
    BetaSchedule,
    BetaSigmoid,
    Exponential,
    Linear,
    Quadratic,
)
from snowmelt.diffusion.schedules.chain import Betas, Chain, CosineBetas, LinearBetas
from snowmelt.diffusion.schedules.learned import Learned
from snowmelt.diffusion.schedules.sigmas import (
    Geometric,
    Karras,
    Laplace,
    RandomWalk,
    RectifiedFlow,
)
from snowmelt.diffusion.schedules.transforms import InputScaled, ZeroTerminal

__all__ = [
    "BetaSchedule",
    "BetaSigmoid",
    "Betas",
    "Chain",
    "Cosine",
    "CosineBetas",
    "Exponential",
    "Geometric",
    "InputScaled",
    "Karras",
    "Laplace",
    "Learned",
    "Linear",
    "LinearBetas",
    "NoiseSchedule",
    "Quadratic",
    "RandomWalk",
    "RectifiedFlow",
    "Sigmoid",
    "ZeroTerminal",
]
