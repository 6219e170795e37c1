"""LaTeX takes the tables, and none is wider than the line; where there is a LaTeX."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from snowmelt.viz.paper.table import Table

WORDS = "memorised 95 % of a_b & c: ± 0.1 × 10² #1 {x} ~ ^ < > … \\ $"
TABLES = (
    Table(WORDS, ["a", "b"], [[WORDS, "1"], ["2", "3"]], [(1, 1)], size="footnotesize"),
    Table("All columns.", ["measure", *"bcdefgh"], [["as wide as can be"] * 8] * 3),
    Table(
        "Cells that break.", ["a", "b", "c"], [["x", WORDS, WORDS]], widths=[0, 0.4, 0.4]
    ),
)


def has_booktabs() -> bool:
    asked = shutil.which("kpsewhich")
    if shutil.which("pdflatex") is None or asked is None:
        return False
    return subprocess.run([asked, "booktabs.sty"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_booktabs(), reason="no LaTeX with booktabs")
@pytest.mark.parametrize("table", TABLES, ids=["signs", "wide", "sentences"])
def test_it_compiles_within_the_line(table: Table, tmp_path: Path) -> None:
    text = "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage{booktabs,array,graphicx}",
            r"\begin{document}",
            table.latex,
            r"Table~\ref{tab:results}.\end{document}",
        ]
    )
    (tmp_path / "paper.tex").write_text(text, encoding="utf-8")
    made = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout[-2000:]
    assert "Overfull" not in made.stdout
    assert (tmp_path / "paper.pdf").is_file()
