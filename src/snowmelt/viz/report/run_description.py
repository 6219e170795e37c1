"""What a person reads of a run in the tracker: its numbers, pictures and command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tabulate import tabulate

from snowmelt.evaluation.catalogue.readings import readings
from snowmelt.viz.report.headline import headline_sentences
from snowmelt.viz.report.report_material import Material

SHOWN = ("samples", "real_and_generated", "losses", "points")  # by the names of figures
NUMBERS = 6


def run_description(
    material: Material,
    figures: Sequence[Path],
    link: Callable[[str], str],
    command: str,
) -> str:
    """Markdown.

    Args:
        figures: the files of the report's pictures.
        link: the address of a file of the run.
        command: what makes the run again; "" where that is not known.
    """
    said = headline_sentences(material.metrics, len(material.generated))
    known = readings(material.metrics)[:NUMBERS]
    rows = [(one.label, one.text, one.floor_text, one.better) for one in known]
    table = tabulate(rows, ("", "samples", "floor", ""), "pipe", disable_numparse=True)
    links = [f"[the report]({link('report/index.html')})"]
    links += [
        f"[{figure.stem.replace('_', ' ')}]({link(f'figures/{figure.name}')})"
        for figure in figures
        if figure.stem in SHOWN
    ]
    parts = [" ".join(said), table, " · ".join(links)]
    if command:
        parts.append(f"Again: `{command}`")
    return "\n\n".join(part for part in parts if part)
