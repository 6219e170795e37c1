"""report: every picture of a run, and one page that shows what the stages made."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.instantiate import plain
from snowmelt.tracking import open_report
from snowmelt.viz.report.report_files import write
from snowmelt.viz.report.report_material import read


def run(config: DictConfig, root: Path) -> Path:
    """Write `index.html` and `figures/` into the folder of reports; return the page.

    The page does not name the tracked run: the same experiment, run again, has another one
    and must give the same bytes. The run holds the page instead.

    Raises:
        UserError: an output of an earlier stage is missing or does not fit the others.
    """
    material = read(plain(config), root)
    folder = root / config.paths.reports
    with open_report(plain(config), root, metrics=folder / "metrics.json") as tracked:
        page = write(material, folder)
        tracked.log_file(page, "report")
        for figure in sorted((folder / "figures").iterdir()):
            tracked.log_file(figure, "figures")
    return page
