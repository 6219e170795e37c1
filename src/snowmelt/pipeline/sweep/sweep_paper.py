"""The comparison of a sweep as a paper takes it: table, figure, protocol and cost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from snowmelt.evaluation.comparison import Comparison, SamplingCost
from snowmelt.evaluation.protocol_sentence import protocol_sentence
from snowmelt.pipeline.paper.known_costs import costs_of
from snowmelt.pipeline.paper.paper_command import FOLDER
from snowmelt.viz.paper import paper_files
from snowmelt.viz.paper.paper_files import Paper
from snowmelt.viz.paper.result_tables import samplers_table, sweep_table
from snowmelt.viz.plots.comparison_plot import comparison_dots
from snowmelt.viz.plots.sampling_cost_plot import sampling_cost_figure


def write(
    comparison: Comparison, costs: Sequence[SamplingCost], reports: Path, root: Path
) -> list[Path]:
    """Write `paper/` beside the comparison, `paper_2/` for a second model of samplers.

    Those of an earlier sweep are removed. Nothing is written of settings that are not
    ranked: they have no common protocol.

    Returns:
        The files.
    """
    for earlier in reports.glob(f"{FOLDER}*"):
        shutil.rmtree(earlier)
    files = []
    for number, paper in enumerate(_papers(comparison, costs, root), start=1):
        name = FOLDER if number == 1 else f"{FOLDER}_{number}"
        files += paper_files.write(paper, reports / name)
    return files


def _papers(
    comparison: Comparison, costs: Sequence[SamplingCost], root: Path
) -> Iterator[Paper]:
    jobs = [job for group in comparison.groups for job in group.jobs if not job.has_failed]
    metrics = [job.metrics or {} for job in jobs]
    for cost in costs:
        yield Paper(
            table=samplers_table(cost),
            protocol=protocol_sentence(metrics[0], drawn="drawn by each sampler"),
            compute=costs_of(metrics, root),
            figures={"samplers": sampling_cost_figure(cost)},
        )
    if not costs and comparison.groups and not comparison.problem:
        yield Paper(
            table=sweep_table(comparison),
            protocol=protocol_sentence(metrics[0]),
            compute=costs_of(metrics, root),
            figures={"comparison": comparison_dots(comparison)},
        )
