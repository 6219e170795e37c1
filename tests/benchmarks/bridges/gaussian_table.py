"""The Gaussian bridge beside what was published of it, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.bridges.cells import TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import GAUSSIAN
from tests.benchmarks.bridges.flows import WEIGHTS
from tests.benchmarks.bridges.gaussian_bridge import EXACT
from tests.benchmarks.bridges.measured_cells import spread, value
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.published import (
    COVARIANCE,
    DIVERGENCES,
    DIVERGENCES_BY_DIMENSION,
)


def gaussian_table(protocol: Protocol) -> str:
    """The table of all dimensions; nothing where none was measured."""
    lines = [
        "The bridge between N(-0.1, I) and N(0.1, I) in 20 steps: the mean over 21 times of"
        " the divergence of the normal law of the points from the exact one, in nats, with"
        " the whole covariance, as Tong et al. have it, and dimension by dimension, which"
        f" needs fewer points; the covariance of the two ends, which is {COVARIANCE:.3f}."
        " By the weights of least loss and by their average; the exact drift is walked in"
        " the same steps, and true points are drawn from the exact law. Published by Shi et"
        f" al.: {_others()}.",
        "",
        "| dimensions | method | weights | divergence | published | by dimension"
        " | covariance |",
        "|---|---|---|---|---|---|---|",
    ]
    empty = len(lines)
    for pair in GAUSSIAN:
        for name in METHODS:
            told = DIVERGENCES.get(name, {}).get(pair.size)
            for weights, words in zip(WEIGHTS, ("least loss", "averaged"), strict=True):
                rows = found(protocol, pair.name, f"{name}.{weights}")
                lines += _line(pair.size, name, words, told, rows)
        for name in (EXACT, TRUE):
            lines += _line(pair.size, name, "", None, found(protocol, pair.name, name))
    return "\n".join(lines) if len(lines) > empty else ""


def _line(
    size: int,
    name: str,
    weights: str,
    told: float | None,
    rows: Sequence[Mapping[str, Any]],
) -> list[str]:
    if not rows:
        return []
    published = "" if told is None else f"{told:.3f}"
    return [
        f"| {size} | {name} | {weights} | {_nats(rows, 'divergence')} | {published}"
        f" | {_nats(rows, 'by_dimension')} | {_nats(rows, 'covariance', 3)} |"
    ]


def _others() -> str:
    """What was published of methods that have no row."""
    return "; ".join(
        f"{name} " + ", ".join(f"{nats:.4f} in {size}" for size, nats in told.items())
        for name, told in DIVERGENCES_BY_DIMENSION.items()
    )


def _nats(rows: Sequence[Mapping[str, Any]], key: str, digits: int = 4) -> str:
    values = [row[key] for row in rows if key in row]
    return spread(value(values), digits) if values else ""
