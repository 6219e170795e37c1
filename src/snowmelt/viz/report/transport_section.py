"""The section on flows that begin with other data than noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from snowmelt.evaluation.catalogue.metric import Section
from snowmelt.evaluation.catalogue.readings import Reading, readings_of
from snowmelt.evaluation.number_format import number
from snowmelt.viz.plots import error_by_time
from snowmelt.viz.report import embedded_pictures, nested_tables
from snowmelt.viz.report.report_material import Material

ARRAYS = "transport"


@dataclass(frozen=True)
class TransportSection:
    """The section.

    Attributes:
        known: its numbers.
        introduction: what they are measured of.
        sentences: what else is to be known in order to read them.
        figure: the error by time, if states were compared.
        size: points of each set.
        protocol: how it was measured, as rows of a table.
    """

    known: list[Reading]
    introduction: str
    sentences: list[str]
    figure: Markup | None
    size: int
    protocol: nested_tables.Rows


def transport(material: Material) -> TransportSection | None:
    """The content of the section, or None of a model that begins with noise."""
    protocol = material.metrics.get("transport")
    if not isinstance(protocol, Mapping):
        return None
    size = int(protocol.get("n", 0))
    introduction = (
        f"The samples began at held-out examples of {protocol.get('start', 'other data')}."
    )
    if "sets" in protocol:
        introduction += (
            f" Here {number(protocol['sets'])} sets of {number(size)} are compared with"
            " held-out data, and so are as many true examples in their place, which is what"
            " a perfect flow would get."
        )
    else:
        introduction += f" Here the paths of the first {number(size)} are told."
    sentences = [f"Left out: {what}." for what in protocol.get("left_out", [])]
    if "pairs" in protocol:
        sentences.insert(0, f"True pairs: {protocol['pairs']}.")
    return TransportSection(
        readings_of(Section.TRANSPORT, material.metrics),
        introduction,
        sentences,
        _figure(material),
        size,
        nested_tables.rows(protocol),
    )


def _figure(material: Material) -> Markup | None:
    columns = material.truth.get(ARRAYS)
    if not columns:
        return None
    told = ", ".join(
        f"{number(float(value))} (true {number(float(floor))}) at {share:.2f}"
        for share, value, floor in zip(
            columns["share"], columns["carried"], columns["true"], strict=True
        )
    )
    words = f"distance of the states from true ones against the share of the way: {told}"
    figure = error_by_time.error_by_time(columns)
    return embedded_pictures.inline_plot(figure, "error-by-time", words)
