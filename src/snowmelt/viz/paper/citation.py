"""An entry of a BibTeX file for the program, at the version that made the numbers."""

from __future__ import annotations

from snowmelt import __version__


def bibtex(
    commit: str = "", version: str = __version__, *, is_changed: bool = False
) -> str:
    """The entry.

    Args:
        commit: of the code that made the numbers, if it is known.
        version: of the program that made them.
        is_changed: whether the code had changes beside that commit.
    """
    changed = " with uncommitted changes" if is_changed else ""
    note = f"Version {version}{f', commit {commit}{changed}' if commit else ''}"
    return "\n".join(
        [
            "@misc{snowmelt,",
            "  author = {{The snowmelt contributors}},",
            "  title  = {snowmelt: denoising diffusion models as a pipeline that can be"
            " rebuilt, resumed and compared},",
            f"  note   = {{{note}}},",
            "}",
            "",
        ]
    )
