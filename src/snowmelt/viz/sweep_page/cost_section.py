"""The ranking metric against its cost, and all that was swept beside what came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from snowmelt.evaluation import catalogue
from snowmelt.evaluation.comparison import Job
from snowmelt.viz.plots.distance_by_cost import Spent, distance_by_cost
from snowmelt.viz.plots.parallel_coordinates import Coordinate, parallel_coordinates
from snowmelt.viz.plots.sampling_cost_plot import sampling_cost_figure
from snowmelt.viz.report.embedded_pictures import inline_svg
from snowmelt.viz.sweep_page.sweep_material import SweepMaterial
from snowmelt.viz.sweep_page.swept_settings import MOST, SweptSetting

# Settings that differ in these alone are one family, which spends more or less.
_AMOUNTS = ("training.steps", "training.minutes", "sampler.steps")
_Cost = Callable[[Job], Any]


def sampling_figures(material: SweepMaterial) -> list[Markup]:
    """Quality against cost of sampling, for each model."""
    return [
        inline_svg(
            sampling_cost_figure(cost), f"sampling-cost-{place}",
            f"{cost.metric_label} against evaluations of the network and time of sampling",
        )
        for place, cost in enumerate(material.costs)
    ]  # fmt: skip


def cost_figures(material: SweepMaterial, settings: Sequence[SweptSetting]) -> list[Markup]:
    """The metric over steps and over seconds: a figure for each that jobs differ in."""
    if len(settings) < 2 or material.costs:
        return []
    kinds: dict[str, tuple[str, str, _Cost]] = {
        "steps": ("steps of the training", "steps", _of_protocol("checkpoint_step")),
        "evaluations": (
            "evaluations of the network, a sample", "evaluations",
            _of_protocol("evaluations"),
        ),
        "seconds": ("seconds of the whole job", "seconds", lambda job: job.seconds),
    }  # fmt: skip
    comparison = material.comparison
    found = []
    for name, (axis, short, cost) in kinds.items():
        spent = [
            one
            for setting in settings[:MOST]
            if (one := _spent(setting, comparison.metric, cost))
        ]
        if len({value for one in spent for value in one.cost}) < 2 or len(spent) < 2:
            continue
        title = f"{comparison.metric_label} against {short}"
        figure = distance_by_cost(
            spent, x=axis, y=comparison.metric_label, title=title, floor=comparison.floor
        )
        found.append(inline_svg(figure, f"by-{name}", f"{title}, a dot for each job"))
    return found


def _of_protocol(key: str) -> _Cost:
    return lambda job: (job.metrics or {}).get("protocol", {}).get(key)


def _spent(setting: SweptSetting, metric: str, cost: _Cost) -> Spent | None:
    """What the jobs of a setting cost, and what came of them."""
    pairs = [
        (float(cost(run.job)), float((run.job.metrics or {})[metric]))
        for run in setting.runs
        if isinstance(cost(run.job), int | float) and metric in (run.job.metrics or {})
    ]
    if not pairs:
        return None
    costs, distances = zip(*pairs, strict=True)
    told = setting.runs[0].job.setting.items()
    family = " ".join(f"{key}={value}" for key, value in told if key not in _AMOUNTS)
    return Spent(setting.label, costs, distances, setting.place, family)


def coordinates_figure(
    material: SweepMaterial, settings: Sequence[SweptSetting]
) -> Markup | None:
    """Parallel coordinates; None unless something swept and something measured differ."""
    jobs = [(run.job, setting.place) for setting in settings for run in setting.runs]
    swept = [_swept(key, [job for job, _ in jobs]) for key in material.swept]
    measured = _measured(material, [job for job, _ in jobs])
    kept = [[one for one in some if one.tells_apart] for some in (swept, measured)]
    if not all(kept):
        return None
    both = [*kept[0], *kept[1]]
    figure = parallel_coordinates(both, [place for _, place in jobs])
    axes = ", ".join(one.label for one in both)
    return inline_svg(figure, "coordinates", f"{len(jobs)} jobs, a line each, over {axes}")


def _swept(key: str, jobs: Sequence[Job]) -> Coordinate:
    """A key of the settings: numbers where all are, else words."""
    texts = [job.overrides.get(key) for job in jobs]
    numbers = [_as_number(text) for text in texts]
    label = key.rpartition(".")[2].replace("_", " ")
    if all(
        text is None or found is not None
        for text, found in zip(texts, numbers, strict=True)
    ):
        return Coordinate(label, numbers)
    return Coordinate(label, ["default" if text is None else str(text) for text in texts])


def _as_number(text: Any) -> float | None:
    try:
        found = float(text)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def _measured(material: SweepMaterial, jobs: Sequence[Job]) -> list[Coordinate]:
    """The ranking metric, those that have a column beside it, and the time."""
    shown = {material.comparison.metric: material.comparison.metric_label}
    shown |= {one.key: one.column for one in catalogue.METRICS.values() if one.column}
    found = [
        Coordinate(label, [_as_number((job.metrics or {}).get(key)) for job in jobs])
        for key, label in shown.items()
    ]
    return [*found, Coordinate("seconds", [job.seconds for job in jobs])]
