"""How probable data is under a model: two measures that are never mixed.

`bound` is an upper bound on the bits of the chain of T steps, `ode` the density of the
probability-flow equation. They are properties of two different models around one network,
and of discrete data the second is itself a bound, by way of dequantisation.
"""

from snowmelt.evaluation.likelihood.divergences import Exact, Normal, Rademacher
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.step_variances import FixedLarge, FixedSmall, Learned
from snowmelt.evaluation.likelihood.variational_bound import Bound

__all__ = [
    "Bound",
    "Exact",
    "FixedLarge",
    "FixedSmall",
    "Learned",
    "Normal",
    "ProbabilityFlow",
    "Rademacher",
]
