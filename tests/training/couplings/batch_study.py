"""What the plan of a batch costs beside the exact one, by the size of the batch.

`python -m tests.training.couplings.batch_study docs` writes the table into
docs/tables/batch_plans.md and the figure into docs/images/batch_plans.webp.

The ends are normal laws whose exact plan is known: its work is a formula (Bures), and so is
the covariance of start and end in the entropic plan.
"""

from __future__ import annotations

import functools
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from snowmelt.densities import CoupledMixture, Gaussian
from snowmelt.training.couplings import OptimalTransport, Sinkhorn
from snowmelt.viz.plots.flow_steps import StepCurve

SIZES = (2, 5, 20, 50)
ENTROPIC_SIZES = (2, 5, 20)
BATCHES = (4, 16, 64, 256, 512)
ENTROPY = 1.0
_PAIRS = 2048  # of a cell of the table, if these are
_FEWEST, _MOST = 4, 64  # batches


@dataclass(frozen=True)
class Measured:
    """A mean over batches, and its standard error."""

    mean: float
    error: float


def ends(size: int) -> tuple[Gaussian, Gaussian]:
    """Data and start in D dimensions: the pair of docs/bridges.md, with unequal widths.

    The data are N(0.1, 1) in the first half of the coordinates and N(0.1, 4) in the second,
    the starts the other way round at -0.1.
    """
    wide = [1.0] * (size - size // 2) + [2.0] * (size // 2)
    return Gaussian([0.1] * size, std=wide), Gaussian([-0.1] * size, std=wide[::-1])


def exact_work(size: int) -> float:
    """The least mean squared way: that of the means, and of the widths one by one."""
    data, start = ends(size)
    one, two = (law.covariance().diagonal().sqrt() for law in (data, start))
    return float((data.mean() - start.mean()).square().sum() + (one - two).square().sum())


def independent_work(size: int) -> float:
    """The mean squared way of independent pairs."""
    data, start = ends(size)
    spread = sum(float(law.covariance().trace()) for law in (data, start))
    return spread + float((data.mean() - start.mean()).square().sum())


def exact_covariance(size: int) -> float:
    """Of start and end in the entropic plan, summed over the coordinates."""
    law = CoupledMixture.entropic(*ends(size), ENTROPY)
    whole = law.pair.covariance()
    return float(whole[:size, size:].trace())


def batches(size: int, batch: int) -> list[tuple[Tensor, Tensor]]:
    """Batches of both ends, each from draws of its own."""
    count = batch * max(_FEWEST, min(_MOST, _PAIRS // batch))
    data, start = ends(size)
    drawn = (
        law.sample(count, seed=seed, dtype=torch.float64).split(batch)
        for law, seed in ((data, 0), (start, 1))
    )
    return list(zip(*drawn, strict=True))


@functools.cache
def work_left(size: int, batch: int) -> Measured:
    """What the batch's plan costs above the exact one, over what independent pairs do."""
    coupling, unused = OptimalTransport(), torch.zeros(batch)
    least, most = exact_work(size), independent_work(size)
    found = [
        float((x_0 - x_1[coupling.partners(x_0, x_1, unused)]).square().sum(1).mean())
        for x_0, x_1 in batches(size, batch)
    ]
    return averaged([(work - least) / (most - least) for work in found])


@functools.cache
def covariance_kept(size: int, batch: int) -> Measured:
    """The covariance of the ends in the batch's entropic plan, over the exact one."""
    coupling, whole = Sinkhorn(ENTROPY), exact_covariance(size)
    data, start = (law.mean() for law in ends(size))
    found = []
    for x_0, x_1 in batches(size, batch):
        plan = torch.from_numpy(coupling.plan(x_0, x_1))
        found.append(float(((x_0 - data).T @ plan @ (x_1 - start)).trace()) / whole)
    return averaged(found)


def averaged(values: Sequence[float]) -> Measured:
    """Mean and standard error."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Measured(statistics.fmean(values), error)


def row(size: int, measure: str, batches: Sequence[int] = BATCHES) -> str:
    """A row of a table, in percent."""
    function = {"work": work_left, "covariance": covariance_kept}[measure]
    exact = exact_work(size) if measure == "work" else exact_covariance(size)
    cells = [function(size, batch) for batch in batches]
    shown = " | ".join(f"{100 * one.mean:.1f} ± {100 * one.error:.1f}" for one in cells)
    return f"| {size} | {exact:.2f} | {shown} |"


def table(measure: str) -> list[str]:
    """The rows of one measure under their heading."""
    names = " | ".join(f"B = {batch}" for batch in BATCHES)
    exact = "exact work" if measure == "work" else "exact covariance"
    lines = [f"| dimensions | {exact} | {names} |", "|" + "---|" * (2 + len(BATCHES))]
    sizes = SIZES if measure == "work" else ENTROPIC_SIZES
    return lines + [row(size, measure) for size in sizes]


def page() -> str:
    """The tables, with what they say."""
    lines = [
        "# What the plan of a batch costs",
        "",
        "Two normal laws in D dimensions whose exact plan is known: means 0.1 and -0.1,"
        " deviations 1 in one half of the coordinates and 2 in the other, the halves"
        " exchanged between data and start. Batches of B starts and B ends,"
        f" {_FEWEST} to {_MOST} batches a cell, ± one standard error.",
        "",
        "The mean squared way of the pairs of `coupling=optimal_transport` above that of"
        " the exact plan, in percent of what independent pairs (B = 1) have above it:",
        "",
        *table("work"),
        "",
        f"The covariance of start and end by `coupling=sinkhorn`, entropy {ENTROPY:g},"
        " summed over the coordinates, in percent of that of the exact entropic plan:",
        "",
        *table("covariance"),
        "",
        "Made by `python -m tests.training.couplings.batch_study docs`.",
    ]
    return "\n".join(lines) + "\n"


def curves() -> list[StepCurve]:
    """The first table as curves."""
    return [
        StepCurve(
            f"{size} dimensions",
            BATCHES,
            [work_left(size, batch).mean for batch in BATCHES],
        )
        for size in SIZES
    ]


def write(docs: Path) -> None:
    """The page of tables and the figure."""
    from snowmelt.viz.plots.flow_steps import flow_steps_figure
    from snowmelt.viz.style import rgb

    (docs / "tables" / "batch_plans.md").write_text(page(), encoding="utf-8")
    figure = flow_steps_figure(
        curves(),
        x="points of a batch",
        y="work above the exact plan",
        title="What is left of the work of independent pairs",
    )
    rgb(figure).save(docs / "images" / "batch_plans.webp", quality=82, method=6)


if __name__ == "__main__":
    np.seterr(all="raise")
    write(Path(sys.argv[1]))
