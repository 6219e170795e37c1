r"""Noise schedules: how signal gives way to noise along time.

Every process of this package perturbs data as $x_t = \alpha(t)\,x_0 + \sigma(t)\,\epsilon$.
A schedule fixes one curve, the logarithm of the signal-to-noise ratio

$$\lambda(t) = \log\frac{\alpha(t)^2}{\sigma(t)^2}, \qquad t \in [0, 1],$$

with data at $t = 0$ and noise at $t = 1$; a process (`processes.py`) says what the two
scales are. All arithmetic goes through $\lambda$, since $1 - \bar\alpha$ in float32 loses
its digits near the data, where the logarithm keeps them.

To add a schedule: one class in this package with the method `log_snr`, and one YAML file in
`conf/schedule/` that names it. Tests, card, sweep and report find it there.
"""

from snowmelt.schedules.rates import Linear
from snowmelt.schedules.schedule import NoiseSchedule
from snowmelt.schedules.shares import Cosine, Sigmoid

__all__ = ["Cosine", "Linear", "NoiseSchedule", "Sigmoid"]
