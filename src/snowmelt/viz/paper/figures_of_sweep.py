"""The figures of a comparison that a paper may show: of settings, and of models."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.evaluation.comparison import Comparison
from snowmelt.evaluation.comparison.further_measures import Measure
from snowmelt.viz.plots.comparison_plot import comparison_dots
from snowmelt.viz.sweep_page.noise_level_section import level_figures
from snowmelt.viz.sweep_page.sweep_material import SweptRun
from snowmelt.viz.sweep_page.swept_settings import SweptSetting, by_training


def figures_of_sweep(comparison: Comparison) -> dict[str, Figure]:
    """The settings by each measure, and their error at each noise level."""
    found = {"comparison": comparison_dots(comparison)}
    for one in comparison.others:
        with left_out_if_it_fails(one.label):
            found[one.metric] = comparison_dots(_by(one, comparison), has_zero=False)
    with left_out_if_it_fails("the error at each noise level"):
        figures = level_figures(by_training(_settings(comparison)))
        found |= {name.replace("-", "_"): figure for name, figure, _ in figures}
    return found


def _by(measure: Measure, comparison: Comparison) -> Comparison:
    """As another measure sees it, each setting in its place and colour."""
    groups = {group.label: group for group in measure.groups}
    kept = [groups[one.label] for one in comparison.groups if one.label in groups]
    label = measure.label
    return replace(comparison, groups=kept, metric_label=label, floor=None, failed=())


def _settings(comparison: Comparison) -> list[SweptSetting]:
    found = []
    for place, group in enumerate(comparison.groups):
        jobs = [job for job in group.jobs if not job.has_failed]
        runs = [SweptRun(job, _training(job.metrics or {})) for job in jobs]
        found.append(SweptSetting(group.label, runs, place))
    return found


def _training(metrics: object) -> str:
    protocol = metrics.get("protocol") if isinstance(metrics, dict) else None
    return str((protocol or {}).get("checkpoint", ""))
