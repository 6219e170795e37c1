from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from tests.evaluation.test_training_cost import WHOLE
from tests.viz.paper.test_table import TABLE

from snowmelt.evaluation.training_cost import Compute
from snowmelt.viz.paper.paper_files import Paper, write

SAID = ["One is better; 95 % sure."]
DOT = {"samples": Image.fromarray(np.zeros((4, 4), np.uint8))}


def test_a_folder_with_all_of_it(tmp_path: Path):
    files = write(Paper([TABLE], "1,000 samples.", WHOLE, DOT, SAID), tmp_path)
    names = [str(path.relative_to(tmp_path)) for path in files]
    assert names == [
        "results.md",
        "table.tex",
        "snowmelt.bib",
        "figures/samples.pdf",
        "figures/samples.svg",
    ]
    told = files[0].read_text()
    for part in (
        "2.59 ± 0.02",
        "> One is better; 95 % sure.",
        "Protocol: 1,000 samples.",
        WHOLE.line,
        "@misc{snowmelt,",
    ):
        assert part in told
    assert "> One is better; 95 % sure." in told.splitlines()
    assert "commit 0123456789abcdef" in files[2].read_text()
    latex = files[1].read_text().splitlines()
    assert latex[0] == r"% Needs \usepackage{booktabs,array,graphicx}."
    assert "% One is better; 95 % sure." in latex
    assert "% Protocol: 1,000 samples." in latex
    assert f"% Compute: {WHOLE.line}" in latex


def test_what_is_not_known_is_said(tmp_path: Path):
    text = Paper([TABLE], "", Compute()).markdown
    assert "Protocol" not in text
    assert "Compute: not known" in text


def test_the_citation_tells_of_code_that_no_commit_has():
    assert "uncommitted" not in Paper([TABLE], "", WHOLE).citation
    changed = Paper([TABLE], "", replace(WHOLE, is_changed=True))
    assert "commit 0123456789abcdef with uncommitted changes}" in changed.citation
