"""Writing what came of the iterations of a fitting: text, CSV, JSON and one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.common.files import new_file, write_json
from snowmelt.evaluation.iteration_table import (
    IterationResult,
    iteration_csv,
    iteration_dict,
    iteration_table,
)
from snowmelt.viz.plots.iteration_plot import Ways, iteration_picture
from snowmelt.viz.style import save_png

NAME = "iterations"


def write(
    results: Sequence[IterationResult], ways: Sequence[Ways], folder: Path
) -> list[Path]:
    """Write `iterations.{txt,csv,json,png}` into `folder`; return the files.

    Args:
        ways: of each iteration, or none.
    """
    files = [folder / f"{NAME}.{ending}" for ending in ("txt", "csv", "json", "png")]
    texts = iteration_table(results) + "\n", iteration_csv(results)
    for target, text in zip(files[:2], texts, strict=True):
        with new_file(target) as draft:
            draft.write_text(text, encoding="utf-8")
    write_json(files[2], iteration_dict(results))
    files[3].unlink(missing_ok=True)  # of earlier iterations
    with left_out_if_it_fails("the picture of the iterations"):
        save_png(iteration_picture(results, ways), files[3])
    return [file for file in files if file.is_file()]


def description(
    results: Sequence[IterationResult],
    files: Sequence[Path],
    link: Callable[[str], str],
    command: str,
) -> str:
    """What a person reads of the iterations in the tracker, in Markdown.

    Args:
        link: the address of a file of the run.
        command: what runs them again.
    """
    table = iteration_table(results, form="pipe")
    links = (f"[{file.name}]({link(f'{NAME}/{file.name}')})" for file in files)
    return "\n\n".join([table, " · ".join(links), f"Again: `{command}`"])
