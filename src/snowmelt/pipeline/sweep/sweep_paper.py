"""Writing what a paper takes from a sweep beside its comparison."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from snowmelt.evaluation.comparison import Comparison, SamplingCost
from snowmelt.pipeline.paper.paper_command import FOLDER, numbered
from snowmelt.pipeline.paper.sweep_papers import sweep_papers
from snowmelt.viz.paper import paper_files


def write(
    comparison: Comparison, costs: Sequence[SamplingCost], reports: Path, root: Path
) -> list[Path]:
    """Write `paper/` beside the comparison, `paper_2/` for a second model of samplers.

    Those of an earlier sweep are removed. Nothing is written of settings that are not
    ranked: they have no common protocol.

    Returns:
        The files.
    """
    for earlier in reports.glob(f"{FOLDER}*"):
        shutil.rmtree(earlier)
    papers = list(sweep_papers(comparison, costs, root))
    folders = numbered(reports / FOLDER, len(papers))
    return [
        file
        for paper, folder in zip(papers, folders, strict=True)
        for file in paper_files.write(paper, folder)
    ]
