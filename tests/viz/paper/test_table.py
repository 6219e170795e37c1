from __future__ import annotations

from snowmelt.viz.paper.table import Table, tex

TABLE = Table(
    "Two settings; 95 % of a_b.",
    ["schedule", "bits/dim"],
    [["cosine", "2.59 ± 0.02"], ["a|b & c", "3.29 ± 0.02"]],
    bold=[0],
)


def test_latex_is_whole_and_nothing_in_it_is_a_command_of_the_data():
    text = TABLE.latex
    assert text.splitlines()[0] == r"% Needs \usepackage{booktabs}."
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(rf"\{rule}") == 1
    assert r"    schedule & bits/dim \\" in text
    assert r"    \textbf{cosine} & \textbf{2.59 $\pm$ 0.02} \\" in text
    assert r"    a|b \& c & 3.29 $\pm$ 0.02 \\" in text
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
