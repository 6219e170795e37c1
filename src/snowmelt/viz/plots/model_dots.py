"""Models beside each other: each measure with its interval, and what a perfect one gets."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.comparison import ModelComparison
from snowmelt.evaluation.excess import Excess
from snowmelt.viz.style import INK, MARKERS, SERIES, VERMILLION, styled


@styled
def model_dots(comparison: ModelComparison) -> Figure | None:
    """A panel for each measure that has a verdict, a line in it for each model.

    Returns:
        None where no such measure was taken of all of them.
    """
    main = comparison.main
    metrics = [one for one in comparison.metrics if one is main or one.compares]
    if not metrics:
        return None
    height = 0.75 + 0.4 * len(comparison.models)
    figure = Figure(figsize=(7.2, height * len(metrics)))
    panels = figure.subplots(len(metrics), 1, squeeze=False)[:, 0]
    for axes, metric in zip(panels, metrics, strict=True):
        _draw(axes, comparison, metric)
    return figure


def _draw(axes: Axes, comparison: ModelComparison, metric: catalogue.Metric) -> None:
    models = comparison.models
    for place, model in enumerate(models):
        if (known := model.known(metric)) is None:
            continue
        half = None
        if known.error is not None:
            half = Excess(known.value, known.error, known.freedom).half_width
        axes.errorbar(
            known.value, place, xerr=half, fmt=MARKERS[place % len(MARKERS)],
            color=SERIES[place % len(SERIES)], markersize=7, capsize=4, elinewidth=2,
        )  # fmt: skip
    floor = models[0].runs[0].metrics.get(metric.floor_key) if metric.floor_key else None
    if isinstance(floor, int | float):
        axes.axvline(floor, color=VERMILLION, linestyle="--", linewidth=1.4)
        title = "┆ a perfect model"
        axes.set_title(title, loc="right", fontsize=8.5, color=VERMILLION, weight="normal")
    axes.set_yticks(range(len(models)), [model.label for model in models], color=INK)
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    unit = f" ({metric.unit})" if metric.unit else ""
    axes.set_title(f"{comparison.label(metric)}{unit}", fontsize=9.5)
    axes.set_xlabel("95 % intervals, each model by itself; lower is better", fontsize=8.5)
