"""The metrics of the model: its likelihood, and what it got wrong where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from snowmelt.evaluation.catalogue.metric import LOWER, Metric, Section, Subject
from snowmelt.evaluation.ground_truth import truth_metrics
from snowmelt.evaluation.likelihood import denoising_error, likelihood_metrics
from snowmelt.evaluation.number_format import number

Fields = Mapping[str, Any]


def _bound_remark(metrics: Fields, protocol: Fields) -> str:
    steps, computed = protocol.get("steps", 0), protocol.get("steps_computed", 0)
    said = f"at most this many bits{_of_what(protocol)}"
    if computed < steps - 1:
        said += f", estimated without bias from {computed:,} of {steps - 1:,} steps"
    return f"{said}; of a chain of its own, not of the sampler{_parts(metrics, protocol)}"


def _parts(metrics: Fields, protocol: Fields) -> str:
    """What the bound is made of, and what another variance would make of it."""
    terms = [f"bound_{name}_bits_per_dim" for name in ("prior", "steps", "decoder")]
    if any(metrics.get(key) is None for key in terms):
        return ""
    prior, steps, decoder = (number(metrics[key]) for key in terms)
    said = f": prior {prior}, steps {steps}, step to the data {decoder}"
    small = metrics.get(SMALL.key)
    if small is not None and protocol.get("variance") != "FixedSmall":
        said += f"; with the posterior's variance it would be {number(small)}"
    return said


def _flow_remark(metrics: Fields, protocol: Fields) -> str:
    said = f"exact but for the solver{_of_what(protocol)}"
    if "levels" in protocol:
        said = f"at most this many bits{_of_what(protocol)}, by dequantisation"
        said += f" ({protocol['dequantisation']})" if "dequantisation" in protocol else ""
    error = metrics.get(STEP_ERROR.key)
    if error is not None:
        said += f"; half as many steps change it by {number(error)}"
    return said


def _of_what(protocol: Fields) -> str:
    """A model that is given the class answers another question than one that is not."""
    if protocol.get("labels") != "given":
        return ""
    return ", of an example whose class is told: less than of one whose class is not"


_of_bound = partial(Metric, subject=Subject.BOUND, unit="bits/dim", spread="se")
_of_flow = partial(Metric, subject=Subject.FLOW, unit="bits/dim", spread="se")
_of_denoising = partial(Metric, subject=Subject.DENOISING, better=LOWER, spread="se")
_of_truth = partial(Metric, subject=Subject.TRUTH, section=Section.GROUND_TRUTH)


def _in_nats(name: str, label: str, subject: Subject, excess: str) -> tuple[Metric, ...]:
    """The entries on nats an example; they stand beside those of the true density."""
    nats = partial(
        Metric, subject=subject, section=Section.GROUND_TRUTH, unit="nats", spread="se"
    )
    cost = (
        "Under the model held-out examples cost {value} nats more than under the known"
        " density, the best that any model can do"
    )
    return (
        nats(
            f"{name}_nats", f"negative log-likelihood of the model ({label})",
            likelihood_metrics.nats, better=LOWER, floor="floor",
            remark="an example, over held-out examples, in the data's own coordinates",
        ),
        nats(
            f"{name}_nats_floor", "the same under the true density",
            likelihood_metrics.true_nats,
            remark="an example, over the same examples: a sample of the entropy",
        ),
        nats(
            f"{name}_excess_nats", "excess of the model",
            likelihood_metrics.excess_nats, better=LOWER,
            remark=f"mean difference of the two, example by example: {excess}",
            sentence=cost if subject is Subject.FLOW else "",
        ),
    )  # fmt: skip


STEP_ERROR = _of_flow(
    "ode_bits_per_dim_step_error",
    "change of the probability flow's likelihood by half as many steps",
    likelihood_metrics.solver_error, better=LOWER, section=Section.NONE,
)  # fmt: skip
SMALL = _of_bound(
    "bound_small_bits_per_dim",
    "variational bound of the same chain with the posterior's variance",
    likelihood_metrics.bits_per_dim_small, better=LOWER, section=Section.NONE,
)  # fmt: skip
DENOISING = (
    _of_denoising(
        "denoising_error", "denoising error, mean over fixed log-SNRs",
        denoising_error.mean_error, section=Section.LIKELIHOOD, column="denoising error",
        compares=True,
        remark="squared error of the estimated noise by dimension; levels and noise are the"
        " same for every schedule",
    ),
    *(
        _of_denoising(
            f"denoising_error_at_{level}", f"denoising error at a log-SNR of {level}",
            denoising_error.error_at(level), section=Section.NONE,
        )
        for level in denoising_error.LEVELS
    ),
)  # fmt: skip
MODEL_METRICS = (
    _of_truth(
        "score_error", "score error, mean over all times",
        truth_metrics.score_error, better=LOWER, floor="training_points",
        remark="squared error of the estimated noise by dimension, in excess of the loss"
        " that no network can avoid; the training points without a network: {floor}",
    ),
    Metric(
        "score_error_training_points",
        "score error of the training points without a network",
        truth_metrics.training_points_error, Subject.TRUTH, Section.NONE,
    ),
    _of_bound(
        "bound_bits_per_dim", "variational bound of a chain of {steps:,} steps",
        likelihood_metrics.bits_per_dim, section=Section.LIKELIHOOD,
        better=LOWER, remark=_bound_remark, column="bits/dim (bound)", compares=True,
    ),
    *_in_nats(
        "bound", "variational bound", Subject.BOUND,
        "it estimates KL(data | model) and the gap of the bound, which falls with its"
        " steps and is there for an exact model too",
    ),
    _of_bound(
        "bound_prior_bits_per_dim", "prior term of the variational bound",
        likelihood_metrics.mean_term(lambda terms: terms.prior), section=Section.NONE,
    ),
    _of_bound(
        "bound_steps_bits_per_dim", "steps of the variational bound",
        likelihood_metrics.mean_term(lambda terms: terms.steps.sum(1)),
        section=Section.NONE,
    ),
    _of_bound(
        "bound_decoder_bits_per_dim", "reconstruction term of the variational bound",
        likelihood_metrics.mean_term(lambda terms: terms.reconstruction),
        section=Section.NONE,
    ),
    SMALL,
    _of_flow(
        "ode_bits_per_dim", "probability-flow equation",
        likelihood_metrics.bits_per_dim, section=Section.LIKELIHOOD,
        better=LOWER, remark=_flow_remark, column="bits/dim (flow)", compares=True,
    ),
    *_in_nats(
        "ode", "probability flow", Subject.FLOW,
        "it estimates KL(data | model), which is not below zero",
    ),
    STEP_ERROR,
    *DENOISING,
    _of_truth(
        "entropy_nats", "entropy of the true density",
        truth_metrics.true_entropy, unit="nats", spread="se",
        remark="an example, over {entropy_draws:,} draws: the least mean of any model",
    ),
)  # fmt: skip
