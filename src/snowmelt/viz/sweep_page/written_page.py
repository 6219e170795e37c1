"""Renders the page of a sweep: one file that reads offline, on a telephone and on paper.

The same material gives the same bytes. Every text goes through the template's escaping, and
the page forbids addresses and every script but its own to the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from snowmelt.common.files import new_file
from snowmelt.evaluation.catalogue.readings import readings
from snowmelt.evaluation.comparison import Job
from snowmelt.evaluation.comparison.comparison_table import (
    comparison_rows,
    measure_rows,
    spread_note,
)
from snowmelt.evaluation.comparison.sampling_cost_table import (
    cost_notes,
    cost_rows,
    summary,
)
from snowmelt.evaluation.number_format import duration
from snowmelt.viz.plots.comparison_plot import comparison_dots
from snowmelt.viz.report import nested_tables
from snowmelt.viz.report.embedded_pictures import inline_svg
from snowmelt.viz.sweep_page import (
    cost_section,
    noise_level_section,
    sample_tiles,
    slider,
    swept_settings,
    training_section,
)
from snowmelt.viz.sweep_page.sweep_material import SweepMaterial
from snowmelt.viz.templates import templates

FILE = "schedules.html"
Table = tuple[str, list[dict[str, str]], str]


def write(material: SweepMaterial, folder: Path) -> Path:
    """Write the page into the folder of the comparison, and return it."""
    page = render(material)
    with new_file(folder / FILE) as draft:
        draft.write_text(page, encoding="utf-8")
    return folder / FILE


def render(material: SweepMaterial) -> str:
    """The whole page as HTML."""
    template = templates(Path(__file__).parent).get_template("page.html")
    return template.render(**_sections(material))


def _sections(material: SweepMaterial) -> dict[str, Any]:
    """The values that the template names."""
    settings = swept_settings.settings_of(material)
    trained = swept_settings.by_training(settings)
    moments = sample_tiles.moment_tiles(material, trained)
    comparison = material.comparison
    return {
        "name": material.name,
        "data": material.data,
        "counted": _counted(material, len(settings)),
        "verdicts": _verdicts(material),
        "tables": _tables(material),
        "by_others": [] if material.costs else comparison.sentences[1:],
        "failed": [job.failure for job in comparison.failed],
        "dots": _dots(material),
        "sampling": cost_section.sampling_figures(material),
        "tiles": sample_tiles.sample_tiles(material, settings),
        "is_images": material.value_range is not None,
        "levels": noise_level_section.noise_levels(trained),
        "schedules": noise_level_section.schedule_curves(trained),
        "training": training_section.training_figures(trained),
        "moments": moments,
        "script": Markup(slider.SCRIPT) if moments else "",
        "allowed": slider.allowed() if moments else "",
        "costs": cost_section.cost_figures(material, settings),
        "coordinates": cost_section.coordinates_figure(material, settings),
        "left_out": _left_out(len(settings)),
        "jobs": _jobs(material),
        "protocol": _protocol(material),
        "command": material.command,
    }


def _counted(material: SweepMaterial, settings: int) -> str:
    """How many settings and jobs there are."""
    failed = len(material.comparison.failed)
    said = f"{settings} {'setting' if settings == 1 else 'settings'}"
    said += f", {len(material.runs) + failed} jobs"
    return f"{said}, {failed} of them failed" if failed else said


def _verdicts(material: SweepMaterial) -> list[str]:
    """The outcome in sentences: of samplers what each model's table says."""
    if not material.costs:
        return [material.comparison.summary]
    return [
        f"{cost.training}: {summary(cost)}" if cost.training else summary(cost)
        for cost in material.costs
    ]


def _tables(material: SweepMaterial) -> list[Table]:
    """Title, rows and how to read them."""
    if material.costs:
        return [
            (cost.training, cost_rows(cost), " ".join(cost_notes(cost).split()))
            for cost in material.costs
        ]
    if not material.comparison.groups:
        return []
    comparison = material.comparison
    note = spread_note(comparison.groups)
    others = [
        (f"By {one.label}", measure_rows(one, comparison.key), "")
        for one in comparison.others
    ]
    return [("", comparison_rows(comparison), note), *others]


def _dots(material: SweepMaterial) -> Markup | None:
    """The ranking metric of each setting; samplers have a figure of their own."""
    comparison = material.comparison
    if material.costs or not comparison.groups:
        return None
    words = "; ".join(
        f"{row[comparison.key]}: {row[comparison.metric_label]}"
        for row in comparison_rows(comparison)
    )
    figure = comparison_dots(comparison, width=5.4, is_told=False)
    return inline_svg(figure, "dots", f"{comparison.metric_label} by setting. {words}")


def _left_out(settings: int) -> str:
    more = settings - swept_settings.MOST
    if more <= 0:
        return ""
    return (
        f"Curves and samples are of the first {swept_settings.MOST} of {settings} settings."
    )


def _jobs(material: SweepMaterial) -> list[dict[str, str]]:
    """A row for each job, failed ones too."""
    comparison = material.comparison
    jobs = [run.job for run in material.runs] + list(comparison.failed)
    return [
        {key: str(job.overrides.get(key, "")) for key in material.swept}
        | {comparison.metric_label or "outcome": _outcome(job, comparison.metric)}
        | {"time": "" if job.seconds is None else duration(job.seconds), "folder": job.name}
        for job in jobs
    ]


def _outcome(job: Job, metric: str) -> str:
    if job.has_failed:
        return "failed"
    known = {reading.key: reading.text for reading in readings(job.metrics or {})}
    return known.get(metric, "finished")


def _protocol(material: SweepMaterial) -> nested_tables.Rows:
    """What all jobs have in common of how they were measured."""
    told: Sequence[nested_tables.Rows] = [
        nested_tables.rows((run.job.metrics or {}).get("protocol") or {})
        for run in material.runs
    ]
    if not told:
        return []
    return [row for row in told[0] if all(row in other for other in told[1:])]
