"""The section on what is known for certain: the model against the density of its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from snowmelt.common.number_format import number, with_spread
from snowmelt.viz.plots import score_error_plot
from snowmelt.viz.report import embedded_pictures, nested_tables
from snowmelt.viz.report.report_material import Material

CONFIDENT = 1.96  # standard errors
_EXCESS = {
    "bound": "it estimates KL(data | model) and the gap of the bound, which falls with its"
    " steps and is there for an exact model too",
    "ode": "it estimates KL(data | model), which is not below zero",
}


@dataclass(frozen=True)
class Line:
    """One number as it is told: what it is, its text, and how to read it."""

    label: str
    text: str
    note: str


@dataclass(frozen=True)
class Truth:
    """The section.

    Attributes:
        lines: numbers, in the order of a table.
        figure: the score error by noise level, if it was measured.
        protocol: how it was measured, as rows of a table.
    """

    lines: list[Line]
    figure: Markup | None
    protocol: nested_tables.Rows


def truth(material: Material) -> Truth | None:
    """What is to be told, or None where the density is unknown."""
    protocol = material.metrics.get("truth")
    if not isinstance(protocol, Mapping):
        return None
    lines = [*_of_score(material), *_of_likelihood(material.metrics, protocol)]
    return Truth(lines, _figure(material), nested_tables.rows(protocol))


def sentences(metrics: Mapping[str, Any]) -> list[str]:
    """How far the likelihood is from the best that is possible, if that is known."""
    excess = metrics.get("ode_excess_nats")
    if excess is None:
        return []
    error = metrics.get("ode_excess_nats_se") or 0.0
    said = (
        f"Under the model held-out examples cost {_text(metrics, 'ode_excess_nats')} nats"
        " more than under the known density, the best that any model can do"
    )
    if abs(excess) <= CONFIDENT * error:
        said += "; chance alone can make this difference"
    return [f"{said}."]


def _of_score(material: Material) -> Iterator[Line]:
    metrics = material.metrics
    if "score_error" not in metrics:
        return
    floor = _text(metrics, "score_error_training_points", "spread")
    yield Line(
        "score error, mean over all times",
        _text(metrics, "score_error", "spread"),
        "squared error of the estimated noise by dimension, in excess of the loss that no"
        f" network can avoid; the training points without a network: {floor}",
    )
    if material.score_error:
        dimensions = int(material.generated[0].size)
        cost = score_error_plot.nats(material.score_error, dimensions)
        yield Line(
            "what the score error can cost",
            f"{number(cost)} nats",
            "a bound on KL(data | samples) for samples of the reverse stochastic equation,"
            " but for errors of its start and its solver; estimated from these levels",
        )


def _of_likelihood(
    metrics: Mapping[str, Any], protocol: Mapping[str, Any]
) -> Iterator[Line]:
    names = {"bound": "variational bound", "ode": "probability flow"}
    for name, label in names.items():
        if f"{name}_excess_nats" not in metrics:
            continue
        yield Line(
            f"negative log-likelihood of the model ({label})",
            f"{_text(metrics, f'{name}_nats')} nats",
            "an example, over held-out examples, in the data's own coordinates",
        )
        yield Line(
            "the same under the true density",
            f"{_text(metrics, f'{name}_nats_floor')} nats",
            "an example, over the same examples: a sample of the entropy",
        )
        yield Line(
            "excess of the model",
            f"{_text(metrics, f'{name}_excess_nats')} nats",
            f"mean difference of the two, example by example: {_EXCESS[name]}",
        )
    if "entropy_nats" in metrics:
        draws = protocol.get("entropy_draws", 0)
        yield Line(
            "entropy of the true density",
            f"{_text(metrics, 'entropy_nats')} nats",
            f"an example, over {draws:,} draws: the least mean of any model",
        )


def _text(metrics: Mapping[str, Any], key: str, error: str = "se") -> str:
    return with_spread(metrics[key], metrics.get(f"{key}_{error}"))


def _figure(material: Material) -> Markup | None:
    if not material.score_error:
        return None
    columns = material.score_error
    told = ", ".join(
        f"{number(error)} at {level:.0f}"
        for level, error in zip(columns["log_snr"], columns["score_error"], strict=True)
    )
    words = f"score error of the network against the log SNR: {told}"
    return embedded_pictures.inline_svg(
        score_error_plot.score_error(columns), "score-error", words
    )
