r"""Time samplers: how the expectation of the loss over time is estimated.

The loss of a training is a mean over times that are uniform on (0, 1), or over the steps of
a chain. A time sampler may spread the times of a batch evenly (`uniform`), or draw some of
them more often and weight their losses down in return (`importance`): the mean stays, and
its estimate varies less. `log_normal` alone changes the mean, since EDM's density of noise
levels is a part of its loss.

Every random number is keyed by (seed, step, place in the batch), so the processes of a
group divide one common batch.

References:
    Kingma et al. (2021), arXiv:2107.00630, appendix I.1 (low discrepancy);
    Nichol & Dhariwal (2021), arXiv:2102.09672, section 3.3 (importance sampling);
    Karras et al. (2022), arXiv:2206.00364, table 1 (log-normal noise levels).
"""

from snowmelt.diffusion.time_sampling.importance import Importance
from snowmelt.diffusion.time_sampling.log_normal import LogNormal
from snowmelt.diffusion.time_sampling.time_sampler import TimeSampler
from snowmelt.diffusion.time_sampling.uniform import (
    Antithetic,
    Discrete,
    Independent,
    LowDiscrepancy,
)

__all__ = [
    "Antithetic",
    "Discrete",
    "Importance",
    "Independent",
    "LogNormal",
    "LowDiscrepancy",
    "TimeSampler",
]
