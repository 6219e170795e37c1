"""docs/bibliography.md has what is cited, and docs/symbols.md the letters that are used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.project import ROOT

DOCS = ROOT / "docs"
LISTED = (DOCS / "bibliography.md").read_text(encoding="utf-8")
MATHEMATICS = (DOCS / "mathematics.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^- (.+?) (\d{4}): \[[^\]]+\]\((https://\S+)\); .+\.$", re.MULTILINE)
NAME = r"[A-ZÄÖÜ][\wäöüéø-]+"
CITED = re.compile(
    rf"({NAME})(?:, {NAME})*(?: (?:&|and) {NAME}| et al\.)?,? \(?((?:19|20)\d\d)\b"
)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.DOTALL)
CITING = sorted(
    [
        *(DOCS / name for name in ("mathematics.md", "other_models.md", "symbols.md")),
        *(ROOT / "notebooks").glob("*.ipynb"),
    ]
)


def prose_of(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    return "\n".join(prose)


def entries() -> list[tuple[str, str]]:
    """Authors and year of each paper."""
    return [(authors, year) for authors, year, _ in ENTRY.findall(LISTED)]


def letters(pattern: str) -> list[str]:
    """The formulas of mathematics.md in which a letter stands by itself."""
    alone = re.compile(rf"(?<![\\\w])(?:{pattern})(?!\w)")
    named = re.compile(r"\\(?:mathrm|text|tag|begin|end)\{[^}]*\}")
    formulas = FORMULA.findall(MATHEMATICS)
    return [formula for formula in formulas if alone.search(named.sub("", formula))]


def test_every_line_is_an_entry_with_a_link() -> None:
    lines = [line for line in LISTED.splitlines() if line.startswith("- ")]
    assert len(lines) > 60
    assert [line for line in lines if not ENTRY.match(line)] == []
    links = [link for _, _, link in ENTRY.findall(LISTED)]
    assert len(set(links)) == len(links)


@pytest.mark.parametrize("path", CITING, ids=lambda path: path.stem)
def test_what_is_cited_is_listed(path: Path) -> None:
    known = entries()
    for name, year in set(CITED.findall(prose_of(path))):
        assert any(name in authors and year == when for authors, when in known), (
            name,
            year,
        )


def test_citations_are_found() -> None:
    text = "by Ho, Jain & Abbeel (2020), Song et al. (2021), Hang 2024 and Einstein, 1905"
    assert CITED.findall(text) == [
        *(("Ho", "2020"), ("Song", "2021"), ("Hang", "2024"), ("Einstein", "1905"))
    ]


def test_c_is_a_class_and_u_is_a_clock() -> None:
    classes = letters("c")
    assert classes
    assert all(re.search(r"\\mid c|c \\mid|_c", formula) for formula in classes), classes
    section = MATHEMATICS.split("\n## 2. Schedules")[1].split("\n## 3.")[0]
    clocks = letters("u")
    assert clocks
    assert [formula for formula in clocks if formula not in section] == []


def test_theta_is_a_share_of_the_noise_and_rho_a_length() -> None:
    elsewhere, _, interpolants = MATHEMATICS.partition("\n## 9. Any start, any pairs")
    assert "\\theta" in interpolants
    assert "\\theta" not in elsewhere
    assert re.findall(r"[\^{/]+1/\\rho", MATHEMATICS) == []


def test_letters_of_the_page_on_symbols_are_used() -> None:
    page = (DOCS / "symbols.md").read_text(encoding="utf-8")
    own = page.split("## Letters with one meaning")[1]
    for command in (
        r"\kappa",
        r"\xi",
        r"\nu",
        r"\omega",
        r"\varsigma",
        r"\rho",
        r"\tilde x",
    ):
        assert command in own
        assert any(command in formula for formula in FORMULA.findall(MATHEMATICS)), command
