"""Likelihood evaluation: the negative log-likelihood of held-out data, in two ways.

The bound is the variational bound of the chain of T steps, the flow the likelihood of the
probability-flow ODE. They belong to two different models around one network and are never
compared with each other; on discrete data the second is itself a bound: `dequantisation`.
"""

from snowmelt.evaluation.likelihood.dequantisation import Noise, Uniform
from snowmelt.evaluation.likelihood.divergences import Exact, Normal, Rademacher
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.step_variances import (
    Analytic,
    FixedLarge,
    FixedSmall,
    Learned,
)
from snowmelt.evaluation.likelihood.variational_bound import Bound

__all__ = [
    "Analytic",
    "Bound",
    "Exact",
    "FixedLarge",
    "FixedSmall",
    "Learned",
    "Noise",
    "Normal",
    "ProbabilityFlow",
    "Rademacher",
    "Uniform",
]
