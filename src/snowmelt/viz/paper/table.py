"""One table, as LaTeX with the rules of booktabs and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "²": r"$^2$",
    "−": "$-$",
    "…": r"\ldots{}",
    "<": "$<$",
    ">": "$>$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


@dataclass(frozen=True)
class Table:
    """Texts in rows and columns.

    Attributes:
        caption: says what the table shows and what its signs mean.
        headings: of the columns; the first names the rows.
        rows: one cell for each heading.
        bold: the rows that are printed bold, as places.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: Sequence[int] = ()

    @property
    def markdown(self) -> str:
        """A table of pipes with its caption below."""
        rows = [
            [f"**{cell}**" if cell and place in self.bold else cell for cell in row]
            for place, row in enumerate(self.rows)
        ]
        safe = [[cell.replace("|", r"\|") for cell in row] for row in rows]
        table = tabulate(safe, self.headings, "pipe", disable_numparse=True)
        return f"{table}\n\n{self.caption}\n"

    @property
    def latex(self) -> str:
        r"""A floating table, which needs `\usepackage{booktabs}`."""
        lines = [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{tex(self.caption)}}}",
            f"  \\begin{{tabular}}{{{'l' * len(self.headings)}}}",
            r"    \toprule",
            f"    {self._line(self.headings)}",
            r"    \midrule",
            *(f"    {self._line(row, place)}" for place, row in enumerate(self.rows)),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(["% Needs \\usepackage{booktabs}.", *lines, ""])

    def _line(self, cells: Sequence[str], place: int | None = None) -> str:
        texts = [tex(cell) for cell in cells]
        if place is not None and place in self.bold:
            texts = [f"\\textbf{{{text}}}" if text else "" for text in texts]
        return f"{' & '.join(texts)} \\\\"


def tex(text: str) -> str:
    """A text in which LaTeX finds nothing of its own."""
    return "".join(_ESCAPED.get(sign, sign) for sign in text)
