"""The metrics of a model's likelihood.

The bound of a chain and the probability-flow equation are likelihoods of two different
models around one network; the functions here apply to either.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.likelihood.example_terms import Terms
from snowmelt.evaluation.likelihood.held_out_examples import HeldOut


@dataclass(frozen=True)
class ModelLikelihood:
    """The negative log-likelihood of held-out examples under one of the two models.

    Attributes:
        held_out: the examples.
        bits: of each example, by dimension, (N,) float64.
        terms: of the bound, which add up to `bits`; None for the probability flow.
        step_error: what half as many steps of the solver change, (N,); None for the bound.
    """

    held_out: HeldOut
    bits: Tensor
    terms: Terms | None = None
    step_error: Tensor | None = None

    @property
    def nats_per_bit(self) -> float:
        return math.prod(self.held_out.manifest.shape) * math.log(2.0)


def bits_per_dim(model: ModelLikelihood) -> Estimate:
    return Estimate.of_mean(model.bits)


def bits_per_dim_small(model: ModelLikelihood) -> Estimate | None:
    """The bound of the same chain whose steps have the posterior's variance."""
    if model.terms is None:
        return None
    return Estimate.of_mean(model.terms.total_with_small_steps)


def nats(model: ModelLikelihood) -> Estimate | None:
    """The mean nats an example; of points alone, for which they are a density's."""
    if model.held_out.is_discrete:
        return None
    return Estimate.of_mean(model.bits).scaled(model.nats_per_bit)


def true_nats(model: ModelLikelihood) -> Estimate | None:
    true = model.held_out.true_nats
    return None if true is None else Estimate.of_mean(true)


def excess_nats(model: ModelLikelihood) -> Estimate | None:
    """The mean difference of the two, example by example."""
    true = model.held_out.true_nats
    return (
        None if true is None else Estimate.of_mean(model.bits * model.nats_per_bit - true)
    )


def mean_term(term: Callable[[Terms], Tensor]) -> Callable[[ModelLikelihood], float | None]:
    """The metric that is the mean of a term of the bound, (N,)."""

    def metric(model: ModelLikelihood) -> float | None:
        return None if model.terms is None else float(term(model.terms).mean())

    return metric


def solver_error(model: ModelLikelihood) -> float | None:
    """What half as many steps of the solver change of the mean."""
    return None if model.step_error is None else abs(float(model.step_error.mean()))
