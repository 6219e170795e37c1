"""What a person reads of a sweep in the tracker: the verdict, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tabulate import tabulate

from snowmelt.evaluation.comparison import Comparison
from snowmelt.evaluation.number_format import number, with_spread


def sweep_description(
    comparison: Comparison,
    files: Sequence[str],
    link: Callable[[str], str],
    command: str,
) -> str:
    """Markdown.

    Args:
        files: the names of the comparison's files.
        link: the address of a file of the run.
        command: what runs the sweep again.
    """
    parts = [f"**{comparison.summary}**"]
    if comparison.groups:
        parts += [_table(comparison), *comparison.sentences[1:]]
    if comparison.failed:
        failed = (f"- {job.failure}" for job in comparison.failed)
        parts.append("\n".join(["Failed:", "", *failed]))
    links = (f"[{name}]({link(f'comparison/{name}')})" for name in files)
    parts += [" · ".join(links), f"Again: `{command}`"]
    return "\n\n".join(parts)


def _table(comparison: Comparison) -> str:
    """The settings, best first where they are ranked."""
    floor = "" if comparison.floor is None else number(comparison.floor)
    rows = [
        (
            group.label,
            str(group.count),
            with_spread(group.mean, group.spread),
            floor,
            group.verdict or "not ranked",
        )
        for group in comparison.groups
    ]
    headings = (comparison.key, "seeds", comparison.metric_label, "floor", "verdict")
    return tabulate(rows, headings, "pipe", disable_numparse=True)
