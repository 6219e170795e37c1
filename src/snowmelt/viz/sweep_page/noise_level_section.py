"""Why one setting wins: its error at every noise level, and where its schedule is.

The denoising error at fixed log-SNRs is the same question to every model, whatever its
schedule; see `snowmelt.evaluation.likelihood.denoising_error`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from snowmelt.evaluation.comparison.disagreement import listed
from snowmelt.evaluation.likelihood.denoising_error import LEVELS
from snowmelt.viz.plots.seed_bands import Band, seed_bands
from snowmelt.viz.report.embedded_pictures import inline_svg
from snowmelt.viz.sweep_page.sweep_material import Curve
from snowmelt.viz.sweep_page.swept_settings import MOST, SweptSetting

_SHOWN = 15.0  # the largest log-SNR, either way, at which schedules are shown
_AXIS = "log-SNR (noise on the left, data on the right)"


@dataclass(frozen=True)
class NoiseLevels:
    """The section.

    Attributes:
        figures: the error at each level, and as a multiple of the first setting's.
        sentences: at which levels each setting does better or worse than the first.
    """

    figures: Sequence[Markup]
    sentences: Sequence[str]


def noise_levels(settings: Sequence[SweptSetting]) -> NoiseLevels | None:
    """The section; None unless two trainings were asked at two levels or more."""
    curves, ratios = _curves(settings)
    if not ratios:
        return None
    best = curves[0].label
    figures = [
        inline_svg(figure, name, words) for name, figure, words in level_figures(settings)
    ]
    return NoiseLevels(figures, [said for one in ratios if (said := _said(one, best))])


def level_figures(settings: Sequence[SweptSetting]) -> list[tuple[str, Figure, str]]:
    """The error at each level, and as a multiple of the first setting's: name and words."""
    curves, ratios = _curves(settings)
    if not ratios:
        return []
    best = curves[0].label
    words = "; ".join(f"{one.label}: {_told(one)}" for one in curves)
    errors = seed_bands(
        curves, x=_AXIS, y="squared error of the noise", is_logarithmic=True,
        title="denoising error at each noise level",
    )  # fmt: skip
    times = seed_bands(ratios, x=_AXIS, y="ratio", title=f"times {best}", level=1.0)
    return [
        ("denoising-error", errors, f"denoising error at each log-SNR. {words}"),
        ("denoising-ratio", times, f"the same as a multiple of {best}"),
    ]


def _curves(settings: Sequence[SweptSetting]) -> tuple[list[Band], list[Band]]:
    """The errors of each setting, and the others' as multiples of the first one's."""
    curves = [band for one in settings[:MOST] if (band := _errors(one)) is not None]
    if len(curves) < 2:
        return curves, []
    seeds = {one.label: one.seeds for one in settings}
    best, *others = curves
    return curves, [
        _ratio(one, best, seeds[one.label] == seeds[best.label]) for one in others
    ]


def _errors(setting: SweptSetting) -> Band | None:
    """The error of each run at each level; None where fewer than two were measured."""
    table = [
        [run.job.metrics.get(f"denoising_error_at_{level}", math.nan) for level in LEVELS]
        for run in setting.runs
        if run.job.metrics is not None
    ]
    values = np.array(table, dtype=float)
    if np.isfinite(values).any(axis=0).sum() < 2:
        return None
    return Band(setting.label, np.array(LEVELS, float), values, setting.place)


def _ratio(one: Band, best: Band, is_paired: bool) -> Band:
    """A setting as a multiple of the best, seed by seed where they have the same."""
    known = np.isfinite(best.values).any(axis=0) & np.isfinite(one.values).any(axis=0)
    below, above = best.values[:, known], one.values[:, known]
    if not is_paired:
        below = np.nanmean(below, axis=0, keepdims=True)
    return Band(one.label, one.x[known], above / below, one.place)


def _said(ratio: Band, best: str) -> str:
    """At which levels it errs more or less than the best in every seed."""
    more = ratio.x[(ratio.values > 1).all(axis=0)]
    less = ratio.x[(ratio.values < 1).all(axis=0)]
    parts = [f"more than {best} at {_levels(more)}"] if len(more) else []
    if len(less):
        than = "" if parts else f"than {best} "
        parts.append(f"less {than}at {_levels(less)}")
    if not parts:
        return ""
    seeds = "in every seed" if len(ratio.values) > 1 else "in this one seed"
    return f"{ratio.label} errs {' and '.join(parts)}, {seeds}."


def _levels(found: Curve) -> str:
    """`a log-SNR of 2`, or `log-SNRs of -8 to -4, 2 and 8`; neighbours are a range."""
    ranges: list[list[int]] = []
    for level in map(int, found):
        if ranges and LEVELS.index(level) == LEVELS.index(ranges[-1][-1]) + 1:
            ranges[-1].append(level)
        else:
            ranges.append([level])
    if len(ranges) == len(ranges[0]) == 1:
        return f"a log-SNR of {ranges[0][0]}"
    told = [f"{r[0]} to {r[-1]}" if len(r) > 1 else str(r[0]) for r in ranges]
    return f"log-SNRs of {listed(told)}"


def _told(one: Band) -> str:
    """The mean at the two ends and in the middle, for those who cannot see."""
    mean = np.nanmean(one.values[:, np.isfinite(one.values).any(axis=0)], axis=0)
    x = one.x[np.isfinite(one.values).any(axis=0)]
    chosen = dict.fromkeys((0, len(x) // 2, len(x) - 1))
    return ", ".join(f"{mean[i]:.3g} at {x[i]:.0f}" for i in chosen)


def schedule_curves(settings: Sequence[SweptSetting]) -> list[Markup]:
    """The log-SNR over time, and how much time is spent at each; none if all are alike."""
    known = [
        (one, [run.schedule for run in one.runs if run.schedule is not None])
        for one in settings[:MOST]
    ]
    curves = [
        Band(one.label, some[0][1], np.stack([each[2] for each in some]), one.place)
        for one, some in known
        if some
    ]
    curves = [one for place, one in enumerate(curves) if not _is_among(one, curves[:place])]
    if len(curves) < 2:
        return []
    curves = [_finite(one) for one in curves]
    names = ", ".join(one.label for one in curves)
    times = seed_bands(curves, x="t", y="log-SNR", title="log-SNR against time", level=0.0)
    spent = seed_bands(
        [_density(one) for one in curves], x=_AXIS, y="share of times",
        title="where each schedule spends its times",
    )  # fmt: skip
    return [
        inline_svg(times, "log-snr", f"log-SNR against time of {names}"),
        inline_svg(spent, "density", f"density of the log-SNR at even times of {names}"),
    ]


def _is_among(one: Band, others: Sequence[Band]) -> bool:
    return any(np.allclose(one.values[0], other.values[0]) for other in others)


def _finite(one: Band) -> Band:
    """Without what lies so far out that it would flatten the rest."""
    values = np.where(np.abs(one.values) <= _SHOWN, one.values, np.nan)
    return Band(one.label, one.x, values, one.place)


def _density(one: Band) -> Band:
    """The share of even times by log-SNR: one over the slope, of the first run."""
    log_snr = one.values[0]
    known = np.isfinite(log_snr)
    slope = -np.gradient(log_snr[known], one.x[known])
    return Band(one.label, log_snr[known], 1 / slope[None], one.place)
