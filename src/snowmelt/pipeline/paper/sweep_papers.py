"""What a paper takes from the comparison of a sweep: tables, verdicts, figures, cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from snowmelt.evaluation.comparison import Comparison, Job, SamplingCost
from snowmelt.evaluation.comparison.sampling_cost_table import summary
from snowmelt.evaluation.protocol_sentence import likelihood_sentence, protocol_sentence
from snowmelt.evaluation.training_cost import Compute
from snowmelt.pipeline.known_costs import costs_of
from snowmelt.tracking import TrackingSettings
from snowmelt.viz.paper.figures_of_sweep import figures_of_sweep
from snowmelt.viz.paper.paper_files import Paper
from snowmelt.viz.paper.result_tables import samplers_table, sweep_tables
from snowmelt.viz.plots.sampling_cost_plot import sampling_cost_figure


def sweep_papers(
    comparison: Comparison,
    costs: Sequence[SamplingCost],
    root: Path,
    tracking: TrackingSettings | None = None,
) -> Iterator[Paper]:
    """One; of samplers one for each model.

    Nothing is told of settings that are not ranked: they have no common protocol.

    Args:
        tracking: where runs are tracked, to be asked for what no note tells.
    """
    groups = comparison.groups
    jobs = [job for group in groups for job in group.jobs if not job.has_failed]
    metrics = [job.metrics or {} for job in jobs]
    compute = _drawn(costs_of(metrics, root, tracking), jobs)
    for cost in costs:
        yield Paper(
            tables=[samplers_table(cost)],
            said=[summary(cost)],
            protocol=protocol_sentence(*metrics, drawn="drawn by each sampler"),
            compute=compute,
            figures={"samplers": sampling_cost_figure(cost)},
        )
    if not costs and groups and not comparison.problem:
        shown = [protocol_sentence(*metrics), likelihood_sentence(*metrics)]
        yield Paper(
            tables=sweep_tables(comparison),
            said=comparison.sentences,
            protocol=" ".join(filter(None, shown)),
            compute=compute,
            figures=figures_of_sweep(comparison),
        )


def _drawn(compute: Compute, jobs: Sequence[Job]) -> Compute:
    """With the time that drawing all samples took, where that of each is known."""
    seconds = [job.sampling_seconds for job in jobs]
    known = [one for one in seconds if one is not None]
    if not known or len(known) < len(seconds):
        return compute
    counts = [(job.metrics or {}).get("protocol", {}).get("num_samples") for job in jobs]
    drawn = [count for count in counts if isinstance(count, int)]
    samples = sum(drawn) if len(drawn) == len(counts) else None
    return replace(compute, sampling_seconds=sum(known), samples=samples)
