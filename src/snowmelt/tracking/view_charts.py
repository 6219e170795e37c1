"""The charts of a view, as MLflow's page describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Chart = dict[str, Any]
COMPARED, PICTURES, TRAINING, REST = "comparison", "pictures", "training", "train"
_MOST = 100  # runs in a chart
# The section that the page itself makes of metrics without a slash in their names.
_OTHERS = ("Model metrics", "System metrics")
PICTURED = ("samples", "drawn samples")  # the keys of pictures that every run has
PICTURED_AT = "pictured/"  # begins a tag of a run: the step of the last picture of a key
# Cards beside each other, and how high they are: pictures of all runs share one.
_COLUMNS, _HEIGHTS = {PICTURES: 1, COMPARED: 2, TRAINING: 2}, {PICTURES: 680}


def charts(metric: str, swept: Sequence[str], steps: Mapping[str, int]) -> list[Chart]:
    """Distance by setting, parallel coordinates, pictures at a slider, and the losses.

    Args:
        steps: where the slider begins, by the key of the pictures.
    """
    return [
        _chart("SCATTER", COMPARED, xaxis=_axis(swept[0], "PARAM"), yaxis=_axis(metric)),
        _chart(
            "PARALLEL", COMPARED, selectedParams=[*swept], selectedMetrics=[metric],
            showAllRuns=True,
        ),
        *(
            _chart(
                "IMAGE", PICTURES, imageKeys=[key], step=steps.get(key, 0),
                showRunParams=False,
            )
            for key in PICTURED
        ),
        _line("train/loss", "loss"),
        _line("train/held_out_loss", "held-out loss"),
    ]  # fmt: skip


def shared_steps(runs: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """The last step at which all runs that have pictures of a key have one.

    Args:
        runs: their tags.
    """
    told = list(runs)
    found = {}
    for key in PICTURED:
        steps = [tags.get(f"{PICTURED_AT}{key}", "") for tags in told]
        if last := [int(step) for step in steps if step.isdecimal()]:
            found[key] = min(last)
    return found


def sections() -> list[Chart]:
    """The sections of charts; those that nobody asked for are folded."""
    shown = (COMPARED, PICTURES, TRAINING)
    return [
        {
            "uuid": name,
            "name": name,
            "display": name in shown,
            "isReordered": True,
            "deleted": False,
            "isGenerated": name not in shown,
            "columns": _COLUMNS.get(name, 3),
            "cardHeight": _HEIGHTS.get(name, 420),
        }
        for name in (*shown, REST, *_OTHERS)
    ]


def _chart(kind: str, section: str, **more: Any) -> Chart:
    named = "-".join((kind, section, *map(str, more.get("imageKeys", ()))))
    return {
        "uuid": named.lower().replace(" ", "-"),
        "type": kind,
        "metricSectionId": section,
        "runsCountToCompare": _MOST,
        "deleted": False,
        "isGenerated": False,
        **more,
    }


def _line(metric: str, label: str) -> Chart:
    return _chart("LINE", TRAINING, metricKey=metric) | {
        "uuid": metric,
        "selectedMetricKeys": [metric],
        "displayName": f"{label} by step",
        "xAxisKey": "step",
        "scaleType": "log",
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _axis(key: str, kind: str = "METRIC") -> Chart:
    return {"key": key, "type": kind}
