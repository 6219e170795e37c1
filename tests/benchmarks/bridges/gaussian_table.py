"""The Gaussian bridge beside what was published of it, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.bridges.cells import TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import GAUSSIAN
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
        f" Published by Shi et al.: {_others()}.",
        "",
        "| dimensions | method | divergence | published | by dimension | covariance |",
        "|---|---|---|---|---|---|",
    ]
    empty = len(lines)
    for pair in GAUSSIAN:
        for name in (*METHODS, TRUE):
            rows = found(protocol, pair.name, f"{name}.best")
            if not rows:
                continue
            told = DIVERGENCES.get(name, {}).get(pair.size)
            lines.append(
                f"| {pair.size} | {name} | {_nats(rows, 'divergence')}"
                f" | {'' if told is None else f'{told:.3f}'}"
                f" | {_nats(rows, 'by_dimension')}"
                f" | {_nats(rows, 'covariance', 3)} |"
            )
    return "\n".join(lines) if len(lines) > empty else ""


def _others() -> str:
    """What was published of methods that have no row."""
    return "; ".join(
        f"{name} " + ", ".join(f"{nats:.4f} in {size}" for size, nats in told.items())
        for name, told in DIVERGENCES_BY_DIMENSION.items()
    )


def _nats(rows: Sequence[Mapping[str, Any]], key: str, digits: int = 4) -> str:
    values = [row[key] for row in rows if key in row]
    return spread(value(values), digits) if values else ""
