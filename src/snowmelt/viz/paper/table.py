"""One table, as LaTeX with the rules of booktabs and as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
        bold: the cells that are printed bold, as row and column.
        name: by which a text refers to it, `tab:<name>` in LaTeX.
        widths: of the columns in LaTeX, as shares of the line, in which cells break; 0 for
            as wide as its longest cell. None of all of them: `()`.
        size: of the letters in LaTeX.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: Collection[tuple[int, int]] = ()
    name: str = "results"
    widths: Sequence[float] = ()
    size: str = "small"

    @property
    def markdown(self) -> str:
        """A table of pipes with its caption below."""
        rows = [
            [
                f"**{cell}**" if cell and (row, column) in self.bold else cell
                for column, cell in enumerate(cells)
            ]
            for row, cells in enumerate(self.rows)
        ]
        safe = [[cell.replace("|", r"\|") for cell in row] for row in rows]
        table = tabulate(safe, self.headings, "pipe", disable_numparse=True)
        return f"{table}\n\n{self.caption}\n"

    @property
    def latex(self) -> str:
        r"""A floating table, no wider than the line; needs booktabs, array and graphicx."""
        lines = [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{tex(self.caption)}}}",
            f"  \\label{{tab:{self.name}}}",
            r"  \vspace{4pt}",
            rf"  \{self.size}\setlength{{\tabcolsep}}{{4pt}}",
            # Only what is too wide is made smaller.
            r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            f"  \\begin{{tabular}}{{{self._columns}}}",
            r"    \toprule",
            f"    {self._line(self.headings)}",
            r"    \midrule",
            *(f"    {self._line(row, place)}" for place, row in enumerate(self.rows)),
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
            "",
        ]
        return "\n".join(lines)

    @property
    def _columns(self) -> str:
        widths = self.widths or [0.0] * len(self.headings)
        return "".join(
            rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}" if width else "l"
            for width in widths
        )

    def _line(self, cells: Sequence[str], row: int | None = None) -> str:
        texts = [
            f"\\textbf{{{tex(cell)}}}" if cell and (row, column) in self.bold else tex(cell)
            for column, cell in enumerate(cells)
        ]
        return f"{' & '.join(texts)} \\\\"


def tex(text: str) -> str:
    """A text in which LaTeX finds nothing of its own."""
    return "".join(_ESCAPED.get(sign, sign) for sign in text)
