"""Writing what a paper takes: small files in a folder, one of which shows all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from snowmelt.common.files import new_file
from snowmelt.evaluation.training_cost import Compute
from snowmelt.viz.paper.citation import bibtex
from snowmelt.viz.paper.table import Table
from snowmelt.viz.paper.vector_files import save_vectors

MARKDOWN, LATEX, CITATION = "results.md", "table.tex", "snowmelt.bib"
FIGURES = "figures"
_UNKNOWN = "not known: no record of the training is at hand"
# In a preamble: rules, columns whose cells break, and tables that fit the line.
_NEEDS = "% Needs \\usepackage{booktabs,array,graphicx}."


@dataclass(frozen=True)
class Paper:
    """What there is to tell.

    Attributes:
        tables: of the results; there is one at least.
        protocol: how they were measured, in a sentence; may be empty.
        compute: what they cost.
        figures: by name, without an ending.
        said: what the tables say, in words that can be quoted.
    """

    tables: Sequence[Table]
    protocol: str
    compute: Compute
    figures: Mapping[str, Figure | Image.Image] = field(default_factory=dict)
    said: Sequence[str] = ()

    @property
    def markdown(self) -> str:
        """Tables, what they say, protocol, cost and citation."""
        parts = [
            *(table.markdown for table in self.tables),
            *(f"> {text}" for text in self.said),
            f"Protocol: {self.protocol}" if self.protocol else "",
            f"Compute: {self.compute.line or _UNKNOWN}",
            f"```bibtex\n{self.citation}```",
        ]
        return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"

    @property
    def latex(self) -> str:
        """The tables; the rest below them as comments, to be moved to where it belongs."""
        said = [f"% {text}" for text in self.said]
        said += [f"% Protocol: {self.protocol}"] if self.protocol else []
        said.append(f"% Compute: {self.compute.line or _UNKNOWN}")
        return "\n".join([_NEEDS, *(table.latex for table in self.tables), *said, ""])

    @property
    def citation(self) -> str:
        """The entry for the program that made the numbers."""
        cost = self.compute
        return bibtex(cost.commit, is_changed=cost.is_changed, **self._version)

    @property
    def _version(self) -> dict[str, str]:
        versions = dict(self.compute.versions)
        return {"version": versions["snowmelt"]} if "snowmelt" in versions else {}


def write(paper: Paper, folder: Path) -> list[Path]:
    """Write the texts and `figures/` into a folder; return the files."""
    texts = {
        MARKDOWN: paper.markdown,
        LATEX: paper.latex,
        CITATION: paper.citation,
    }
    for name, text in texts.items():
        with new_file(folder / name) as file:
            file.write_text(text, encoding="utf-8")
    return [
        *(folder / name for name in texts),
        *save_vectors(paper.figures, folder / FIGURES),
    ]
