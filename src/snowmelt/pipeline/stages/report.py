"""report: every picture of a run, and one page that shows what the stages made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.common.instantiate import plain
from snowmelt.pipeline.known_costs import costs_of
from snowmelt.tracking import descriptions, open_report
from snowmelt.viz.report.report_files import MARKER, write
from snowmelt.viz.report.report_material import read
from snowmelt.viz.report.run_description import run_description


def run(config: DictConfig, root: Path) -> Path:
    """Write `index.html` and `figures/` into the folder of reports; return the page.

    The page does not name the tracked run: the same experiment, run again, has another one
    and must give the same bytes. The run holds the page instead. Only the line on cost is
    of the training that was, as far as it was noted.

    Raises:
        UserError: an output of an earlier stage is missing or does not fit the others.
    """
    material = read(plain(config), root)
    material = replace(material, cost=costs_of([material.metrics], root))
    folder = root / config.paths.reports
    with open_report(plain(config), root, metrics=folder / "metrics.json") as tracked:
        page = write(material, folder)
        tracked.log_file(page, "report")
        figures = sorted((folder / "figures").iterdir())
        for figure in figures:
            tracked.log_file(figure, "figures")
            if figure.name == MARKER:
                tracked.log_picture("drawn samples", figure)
        with left_out_if_it_fails("the description of the run"):
            link, command = descriptions.artifact_link, descriptions.command()
            tracked.describe(run_description(material, figures, link, command))
    return page
