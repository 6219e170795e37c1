"""report: one page that shows what the stages before it made."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from snowmelt.report.material import read
from snowmelt.report.writing import write


def run(config: DictConfig, root: Path) -> Path:
    """Write `index.html` and `figures/` into the folder of reports; return the page.

    Raises:
        UserError: an output of an earlier stage is missing or does not fit the others.
    """
    return write(read(config, root), root / config.paths.reports)
