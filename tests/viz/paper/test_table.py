from __future__ import annotations

from dataclasses import replace

from snowmelt.viz.paper.table import Table, tex

TABLE = Table(
    "Two settings; 95 % of a_b.",
    ["schedule", "bits/dim"],
    [["cosine", "2.59 ± 0.02"], ["a|b & c", "3.29 ± 0.02"]],
    bold=[(0, 0), (0, 1), (1, 1)],
)


def test_latex_is_whole_and_nothing_in_it_is_a_command_of_the_data():
    text = TABLE.latex
    assert r"\label{tab:results}" in text
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(rf"\{rule}") == 1
    assert r"    schedule & bits/dim \\" in text
    assert r"    \textbf{cosine} & \textbf{2.59 $\pm$ 0.02} \\" in text
    assert r"    a|b \& c & \textbf{3.29 $\pm$ 0.02} \\" in text
    assert r"95 \% of a\_b." in text
    assert text.count("{") == text.count("}")


def test_every_sign_of_latex_is_escaped():
    assert tex(r"\input{x} $y$ #1 ~ ^ <") == (
        r"\textbackslash{}input\{x\} \$y\$ \#1 \textasciitilde{} \textasciicircum{} $<$"
    )


def test_markdown_has_the_same_cells_and_the_caption():
    lines = TABLE.markdown.splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == [
        "schedule",
        "bits/dim",
    ]
    assert "**cosine**" in lines[2]
    assert r"a\|b & c" in lines[3]
    assert lines[-1] == "Two settings; 95 % of a_b."


def test_cells_of_sentences_break_within_the_line() -> None:
    wide = replace(TABLE, widths=[0, 0.4]).latex
    column = r">{\raggedright\arraybackslash}p{0.40\linewidth}"
    assert rf"\begin{{tabular}}{{l{column}}}" in wide
    assert r"\begin{tabular}{ll}" in TABLE.latex
