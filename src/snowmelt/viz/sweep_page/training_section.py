"""The losses of the trainings: the mean over seeds, with bands from lowest to highest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from snowmelt.viz.plots.seed_bands import Band, falls_far, seed_bands
from snowmelt.viz.plots.training_curves import smoothed
from snowmelt.viz.report.embedded_pictures import inline_svg
from snowmelt.viz.sweep_page.sweep_material import Curve, SweptRun
from snowmelt.viz.sweep_page.swept_settings import MOST, SweptSetting

COLUMNS = {
    "loss": "training loss (smoothed)",
    "held_out_loss": "held-out loss",
}


def training_figures(settings: Sequence[SweptSetting]) -> list[Markup]:
    """A figure for each loss; none where there are not two trainings to compare."""
    if len(settings) < 2:
        return []
    found = []
    for column, title in COLUMNS.items():
        curves = [
            band for one in settings[:MOST] if (band := _band(one, column)) is not None
        ]
        if len(curves) > 1:
            figure = seed_bands(
                curves, x="step", y="loss", title=title, is_logarithmic=falls_far(curves)
            )
            ends = ", ".join(
                f"{one.label} {one.values[:, -1].mean():.3g}" for one in curves
            )
            words = f"{title} against the step; at the end: {ends}"
            found.append(inline_svg(figure, column.replace("_", "-"), words))
    return found


def _band(setting: SweptSetting, column: str) -> Band | None:
    """The curves of all runs that have one, at the steps of the shortest."""
    curves = [curve for run in setting.runs if (curve := curve_of(run, column)) is not None]
    if not curves:
        return None
    steps = min((step for step, _ in curves), key=lambda step: float(step[-1]))
    values = [np.interp(steps, step, loss) for step, loss in curves]
    return Band(setting.label, steps, np.stack(values), setting.place)


def curve_of(run: SweptRun, column: str) -> tuple[Curve, Curve] | None:
    """Steps and values of a loss, where it was measured."""
    if column not in run.losses:
        return None
    known = np.isfinite(run.losses[column])
    if not known.any():
        return None
    values = run.losses[column][known]
    return run.losses["step"][known], smoothed(values) if column == "loss" else values
