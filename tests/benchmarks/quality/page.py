"""What was found of quality, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.benchmarks import machine
from tests.benchmarks.quality.judge import spread

Row = Mapping[str, Any]


def page(content: Mapping[str, Any]) -> str:
    """The tables of a contest, or of choices."""
    told = _contest if "contest" in content else _choices
    return "\n\n".join([_machine(content), told(content)]) + "\n"


def _machine(content: Mapping[str, Any]) -> str:
    floor = content["floor"]
    return (
        f"{machine.told(content['machine'])}."
        f" Fashion-MNIST at 32x32, {content['minutes']:g} minutes of training each,"
        f" {content['samples']} samples. Frechet distance to the training images on the"
        f" features of a classifier; as many held-out images are at {value(floor)},"
        f" {content['floor_recognised']:.0%} of them recognised (the independent classifier"
        " gives a class over 90 %)."
    )


def _contest(content: Mapping[str, Any]) -> str:
    lines = [
        "| who | seeds | steps | images seen | samples | distance | less the floor"
        " | recognised |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in content["contest"].items():
        lines.append(f"| {name} | {_row(rows, content['floor'])} |")
    return "\n".join([*lines, "", *_verdict(content)])


def _row(rows: Sequence[Row], floor: Mapping[str, Any]) -> str:
    first, distances = rows[0], spread([row["distance"] for row in rows])
    above = distances["mean"] - floor["mean"]
    recognised = spread([row["recognised"] for row in rows])["mean"]
    cells = [
        str(len(rows)),
        f"{first['steps']:,}",
        f"{first['images']:,}",
        f"{first['evaluations']} evaluations, {first['sampling_seconds']:.0f} s",
        value(distances),
        f"{above:.2f}",
        f"{recognised:.0%}",
    ]
    return " | ".join(cells)


def _verdict(content: Mapping[str, Any]) -> list[str]:
    """How many times nearer ours is than the better of the others."""
    above = {
        name: spread([row["distance"] for row in rows])["mean"] - content["floor"]["mean"]
        for name, rows in content["contest"].items()
    }
    ours = [name for name in above if name.startswith("snowmelt")]
    peers = [name for name in above if name not in ours]
    if not peers:
        return []
    better = min(peers, key=above.__getitem__)
    told = ", ".join(f"{name} 1/{above[better] / above[name]:.1f}" for name in ours)
    return [f"Floors taken off, the shares of the better peer's ({better}): {told}."]


def _choices(content: Mapping[str, Any]) -> str:
    """What each choice is worth: the distance with it undone."""
    lines = [
        "What each choice is worth, each training in one thread: the distance with it"
        " undone. The errors of the ratios are those of the deviation over seeds that all"
        " rows have in common.",
        "",
        "| changed | seeds | steps | distance | less the floor, times | recognised |",
        "|---|---|---|---|---|---|",
    ]
    above = {
        name: [row["distance"] - content["floor"]["mean"] for row in rows]
        for name, rows in content["choices"].items()
    }
    scatter, first = _relative_deviation(list(above.values())), next(iter(above.values()))
    for name, rows in content["choices"].items():
        distances = spread([row["distance"] for row in rows])
        recognised = spread([row["recognised"] for row in rows])["mean"]
        times = float(np.mean(above[name]) / np.mean(first))
        error = None
        if scatter is not None and above[name] is not first:
            error = times * scatter * math.sqrt(1 / len(rows) + 1 / len(first))
        lines.append(
            f"| {name} | {len(rows)} | {rows[0]['steps']:,} | {value(distances)}"
            f" | {value({'mean': times, 'deviation': error})} | {recognised:.0%} |"
        )
    return "\n".join(lines)


def _relative_deviation(groups: Sequence[Sequence[float]]) -> float | None:
    """The deviation over seeds as a share of the mean, pooled; None of single seeds."""
    several = [np.asarray(group) / np.mean(group) for group in groups if len(group) > 1]
    free = sum(len(group) - 1 for group in several)
    if not free:
        return None
    return math.sqrt(sum(float(np.square(group - 1).sum()) for group in several) / free)


def value(found: Mapping[str, Any]) -> str:
    """A mean with its deviation."""
    if found["deviation"] is None:
        return f"{found['mean']:.2f}"
    return f"{found['mean']:.2f} ± {found['deviation']:.2f}"
