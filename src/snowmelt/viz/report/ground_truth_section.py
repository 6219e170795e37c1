"""The section on ground truth: the model against the density of its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.catalogue.metric import Section
from snowmelt.evaluation.excess import Excess
from snowmelt.evaluation.number_format import number, with_spread
from snowmelt.viz.plots import score_error_plot
from snowmelt.viz.report import embedded_pictures, nested_tables
from snowmelt.viz.report.likelihood_section import Line, text
from snowmelt.viz.report.report_material import Material


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
    """The content of the section, or None where the density is unknown."""
    protocol = material.metrics.get("truth")
    if not isinstance(protocol, Mapping):
        return None
    lines = list(_lines(material, protocol))
    if material.score_error:
        lines.insert(1, _cost(material))  # below the mean of the same curve
    return Truth(lines, _figure(material), nested_tables.rows(protocol))


def sentences(metrics: Mapping[str, Any]) -> list[str]:
    """How far the likelihood is from the best that is possible, if that is known."""
    found = []
    for metric in catalogue.reported_in(Section.GROUND_TRUTH):
        if not metric.sentence or metric.key not in metrics:
            continue
        value, error = metrics[metric.key], metrics.get(f"{metric.key}_{metric.spread}")
        said = metric.sentence.format(value=with_spread(value, error))
        if error and (known := Excess(value, error)).holds_zero:
            said += (
                f": no difference was found, and one of {number(known.detectable)} nats"
                " would have been in four of five such evaluations"
            )
        found.append(f"{said}.")
    return found


def _lines(material: Material, protocol: Mapping[str, Any]) -> Iterator[Line]:
    """A line for each metric of which all that it is compared with was measured."""
    metrics = material.metrics
    for metric in catalogue.reported_in(Section.GROUND_TRUTH):
        floor = metric.floor_key
        if metric.key not in metrics or (floor and floor not in metrics):
            continue
        spread = metrics.get(f"{floor}_{metric.spread}")
        known = {"floor": with_spread(metrics[floor], spread)} if floor else {}
        note = metric.remarks(metrics, {**protocol, **known})
        yield Line(metric.label, text(metric, metrics), note)


def _cost(material: Material) -> Line:
    """What the curve of the score error comes to."""
    cost = score_error_plot.nats(material.score_error, int(material.generated[0].size))
    return Line(
        "what the score error can cost",
        f"{number(cost)} nats",
        "a bound on KL(data | samples) for samples of the reverse stochastic equation,"
        " but for errors of its start and its solver; estimated from these levels",
    )


def _figure(material: Material) -> Markup | None:
    if not material.score_error:
        return None
    columns = material.score_error
    errors = ", ".join(
        f"{number(error)} at {level:.0f}"
        for level, error in zip(columns["log_snr"], columns["score_error"], strict=True)
    )
    words = f"score error of the network against the log SNR: {errors}"
    figure = score_error_plot.score_error(columns)
    return embedded_pictures.inline_plot(figure, "score-error", words)
