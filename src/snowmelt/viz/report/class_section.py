"""The section on classes: which come too rarely or too often, and which are unlike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from snowmelt.evaluation.number_format import percent, with_spread
from snowmelt.viz.plots.class_shares import class_shares, shown
from snowmelt.viz.report import embedded_pictures
from snowmelt.viz.report.report_material import Material

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ClassLine:
    """A class as the page tells it; a text is empty where there is no number."""

    name: str
    samples: str
    share: str
    due: str
    agreement: str
    distance: str
    floor: str


@dataclass(frozen=True)
class ClassSection:
    """The section.

    Attributes:
        more: classes that are in the table of the file alone.
    """

    sentences: list[str]
    lines: list[ClassLine]
    more: int
    has_agreement: bool
    figure: Markup


def classes(material: Material) -> ClassSection | None:
    """None where there are no classes, or the samples complete examples."""
    columns = material.by_class
    if not columns:
        return None
    rows = shown(columns)
    figure = embedded_pictures.inline_plot(
        class_shares(columns), "classes", "; ".join(sentences(columns)) or "classes"
    )
    return ClassSection(
        sentences=sentences(columns),
        lines=[_line(columns, row) for row in rows],
        more=len(columns["class"]) - len(rows),
        has_agreement=bool(np.isfinite(columns["agreement"]).any()),
        figure=figure,
    )


def sentences(columns: Columns) -> list[str]:
    """Which classes come more or less often than chance explains, at 95 % for all together.

    Where none does, the smallest deviation that would have shown is told beside it.
    """
    share, due = columns["share"], columns["expected_share"]
    low, high = columns["chance_low"], columns["chance_high"]
    total = float(np.nansum(columns["samples"]))
    known = np.isfinite(share) & np.isfinite(low)
    if not known.any():
        return []
    slack = 0.5 / total  # shares are of whole samples
    off = (share[known] < low[known] - slack) | (share[known] > high[known] + slack)
    if not off.any():
        seen = percent(float(np.median(columns["visible_deviation"][known])))
        never = ", and so may one that never comes" * bool(np.median(low[known]) == 0)
        return [
            "No class comes more or less often than chance explains (95 % for all of them"
            f" together). A class of ordinary share that came more often by {seen} of all"
            " samples would have shown four times out of five; a smaller deviation may be"
            f" there{never}."
        ]
    names = columns["class"][known][off]
    parts = [
        f"{name} ({percent(float(got))} where {percent(float(wanted))} are due)"
        for name, got, wanted in zip(names, share[known][off], due[known][off], strict=True)
    ]
    more = f" and {len(parts) - 8} more" if len(parts) > 8 else ""
    return [
        "More or less often than chance explains (95 % for all classes together) come"
        f" {', '.join(parts[:8])}{more}."
    ]


def _line(columns: Columns, row: int) -> ClassLine:
    number = {name: float(columns[name][row]) for name in columns if name != "class"}
    low, high = number["share_low"], number["share_high"]
    return ClassLine(
        name=str(columns["class"][row]),
        samples=_count(number["samples"]),
        share=f"{_percent(number['share'])} ({100 * low:.1f} to {100 * high:.1f})"
        if np.isfinite(low)
        else "",
        due=_percent(number["expected_share"]),
        agreement=_agreement(number),
        distance=_with_error(number, "distance", "n"),
        floor=_with_error(number, "floor", "held_out_n"),
    )


def _agreement(number: Mapping[str, float]) -> str:
    if not np.isfinite(number["agreement"]):
        return ""
    return f"{_percent(number['agreement'])} (real: {_percent(number['agreement_real'])})"


def _with_error(number: Mapping[str, float], name: str, count: str) -> str:
    if not np.isfinite(number[name]):
        return f"too few ({_count(number[count])})"
    error = number[f"{name}_se"]
    text = with_spread(number[name], error if np.isfinite(error) else None)
    return f"{text} (n = {_count(number[count])})"


def _percent(share: float) -> str:
    return percent(share) if np.isfinite(share) else ""


def _count(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else ""
