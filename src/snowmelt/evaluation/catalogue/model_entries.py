"""The metrics of the model: its likelihood, and what it got wrong where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snowmelt.common.number_format import number
from snowmelt.evaluation.catalogue.metric import LOWER, Metric, Section, Subject
from snowmelt.evaluation.ground_truth import truth_metrics
from snowmelt.evaluation.likelihood import likelihood_metrics

Fields = Mapping[str, Any]


def _bound_remark(metrics: Fields, protocol: Fields) -> str:
    steps, computed = protocol.get("steps", 0), protocol.get("steps_computed", 0)
    said = f"at most this many bits{_of_what(protocol)}"
    if computed < steps - 1:
        said += f", estimated without bias from {computed:,} of {steps - 1:,} steps"
    return said


def _flow_remark(metrics: Fields, protocol: Fields) -> str:
    said = f"exact but for the solver{_of_what(protocol)}"
    if "levels" in protocol:
        said = "at most this many bits, by dequantisation"
    error = metrics.get(STEP_ERROR.key)
    if error is not None:
        said += f"; half as many steps change it by {number(error)}"
    return said


def _of_what(protocol: Fields) -> str:
    """A model that is given the class answers another question than one that is not."""
    if protocol.get("labels") != "given":
        return ""
    return ", of an example whose class is told: less than of one whose class is not"


def _in_nats(name: str, label: str, subject: Subject, excess: str) -> tuple[Metric, ...]:
    """The entries on nats an example; the report tells them beside the true density."""
    return (
        Metric(
            f"{name}_nats",
            f"negative log-likelihood of the model ({label})",
            likelihood_metrics.nats,
            subject,
            Section.GROUND_TRUTH,
            unit="nats",
            better=LOWER,
            remark="an example, over held-out examples, in the data's own coordinates",
            floor="floor",
            spread="se",
        ),
        Metric(
            f"{name}_nats_floor",
            "the same under the true density",
            likelihood_metrics.true_nats,
            subject,
            Section.GROUND_TRUTH,
            unit="nats",
            remark="an example, over the same examples: a sample of the entropy",
            spread="se",
        ),
        Metric(
            f"{name}_excess_nats",
            "excess of the model",
            likelihood_metrics.excess_nats,
            subject,
            Section.GROUND_TRUTH,
            unit="nats",
            better=LOWER,
            remark=f"mean difference of the two, example by example: {excess}",
            spread="se",
            sentence="Under the model held-out examples cost {value} nats more than under"
            " the known density, the best that any model can do"
            if subject is Subject.FLOW
            else "",
        ),
    )


STEP_ERROR = Metric(
    "ode_bits_per_dim_step_error",
    "change of the probability flow's likelihood by half as many steps",
    likelihood_metrics.solver_error,
    Subject.FLOW,
    Section.NONE,
    unit="bits/dim",
    better=LOWER,
)
MODEL_METRICS = (
    Metric(
        "score_error",
        "score error, mean over all times",
        truth_metrics.score_error,
        Subject.TRUTH,
        Section.GROUND_TRUTH,
        better=LOWER,
        remark="squared error of the estimated noise by dimension, in excess of the loss"
        " that no network can avoid; the training points without a network: {floor}",
        floor="training_points",
    ),
    Metric(
        "score_error_training_points",
        "score error of the training points without a network",
        truth_metrics.training_points_error,
        Subject.TRUTH,
        Section.NONE,
    ),
    Metric(
        "bound_bits_per_dim",
        "variational bound of a chain of {steps:,} steps",
        likelihood_metrics.bits_per_dim,
        Subject.BOUND,
        Section.LIKELIHOOD,
        unit="bits/dim",
        better=LOWER,
        remark=_bound_remark,
        spread="se",
    ),
    *_in_nats(
        "bound",
        "variational bound",
        Subject.BOUND,
        "it estimates KL(data | model) and the gap of the bound, which falls with its"
        " steps and is there for an exact model too",
    ),
    Metric(
        "bound_prior_bits_per_dim",
        "prior term of the variational bound",
        likelihood_metrics.prior_bits,
        Subject.BOUND,
        Section.NONE,
        unit="bits/dim",
    ),
    Metric(
        "bound_steps_bits_per_dim",
        "steps of the variational bound",
        likelihood_metrics.step_bits,
        Subject.BOUND,
        Section.NONE,
        unit="bits/dim",
    ),
    Metric(
        "bound_decoder_bits_per_dim",
        "reconstruction term of the variational bound",
        likelihood_metrics.reconstruction_bits,
        Subject.BOUND,
        Section.NONE,
        unit="bits/dim",
    ),
    Metric(
        "ode_bits_per_dim",
        "probability-flow equation",
        likelihood_metrics.bits_per_dim,
        Subject.FLOW,
        Section.LIKELIHOOD,
        unit="bits/dim",
        better=LOWER,
        remark=_flow_remark,
        spread="se",
    ),
    *_in_nats(
        "ode",
        "probability flow",
        Subject.FLOW,
        "it estimates KL(data | model), which is not below zero",
    ),
    STEP_ERROR,
    Metric(
        "entropy_nats",
        "entropy of the true density",
        truth_metrics.true_entropy,
        Subject.TRUTH,
        Section.GROUND_TRUTH,
        unit="nats",
        remark="an example, over {entropy_draws:,} draws: the least mean of any model",
        spread="se",
    ),
)
