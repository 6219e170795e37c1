"""What docs/mathematics.md names exists, and what can be chosen is named there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.project import ROOT

PAGE = (ROOT / "docs/mathematics.md").read_text(encoding="utf-8")
SOURCES = ROOT / "src/snowmelt"
# How many choices of each group are this project's own.
OURS = {
    "schedule": 19,
    "process": 4,
    "prediction": 6,
    "interpolant": 3,
    "coupling": 5,
    "loss": 8,
    "time_sampling": 6,
    "sampler": 16,
    "grid": 5,
    "threshold": 3,
    "guidance": 9,
    "likelihood": 5,
}
GROUPS = tuple(OURS)
# Columns of a table; the bars within a formula are written \lvert, \| or \mid there.
COLUMNS = re.compile(r"(?<!\\)\|")
QUOTED = re.compile(r"`([^`]+)`")


@functools.cache
def classes() -> dict[str, set[Path]]:
    """The files that define a class of each name."""
    found: dict[str, set[Path]] = {}
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).add(file)
    return found


@functools.cache
def members(name: str) -> set[str]:
    """The methods and attributes of the classes of a name."""
    found: set[str] = set()
    for file in classes()[name]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name == name:
                inside = [n for n in node.body if isinstance(n, ast.FunctionDef)]
                found |= {function.name for function in inside}
    return found


def is_path(word: str) -> bool:
    return word.endswith((".py", ".md", "/")) and " " not in word


def path_of(word: str) -> Path:
    """Where a path of the page is: under the sources, or under the project."""
    under = SOURCES / word
    return under if under.exists() else ROOT / word


def class_of(word: str) -> str | None:
    """The class that a quoted word names, if it is one."""
    head = word.partition(".")[0]
    return head if re.fullmatch(r"[A-Z][A-Za-z0-9]*", head) else None


def rows() -> list[list[str]]:
    """The tables, cell by cell."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in COLUMNS.split(line)[1:-1]] for line in lines]


def chosen(group: str) -> list[str]:
    """The names in the first column of a group's table."""
    table, found = rows(), []
    start = next(k for k, row in enumerate(table) if row[0] == f"`{group}=`")
    for row in table[start + 2 :]:
        if row[0].endswith("=`") or not row[0].startswith("`"):
            break
        found += QUOTED.findall(row[0].partition("(")[0])
    return found


def test_the_page_was_read() -> None:
    quoted = QUOTED.findall(PAGE)
    assert sum(map(is_path, quoted)) > 40
    assert sum(class_of(word) is not None for word in quoted) > 50


def test_every_file_exists() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert all((ROOT / "docs" / target).is_file() for target in linked), linked
    paths = [word for word in QUOTED.findall(PAGE) if is_path(word)]
    assert [path for path in paths if not path_of(path).exists()] == []


def test_every_class_exists_with_what_is_said_of_it() -> None:
    for word in QUOTED.findall(PAGE):
        name = class_of(word)
        if name is None:
            continue
        assert name in classes(), word
        member = word.partition(".")[2]
        assert not member or member in members(name), word


def test_every_class_is_in_the_file_of_its_row() -> None:
    seen = 0
    for row in rows():
        words = [word for cell in row for word in QUOTED.findall(cell)]
        files = {path_of(word) for word in words if word.endswith(".py")}
        for name in filter(None, map(class_of, words)):
            if files:
                assert classes()[name] & files, (name, files)
                seen += 1
    assert seen > 40


@pytest.mark.parametrize("group", GROUPS)
def test_every_named_choice_is_one_and_ours_are_named(group: str) -> None:
    names = {file.stem for file in (ROOT / "conf" / group).glob("*.yaml")}
    said = list(chosen(group))
    assert len(said) == len(set(said))
    assert set(said) <= names
    # A choice that someone adds need not be written about; those of this project are.
    assert len(said) >= OURS[group]


def test_equations_are_numbered_in_order() -> None:
    numbers = [int(number) for number in re.findall(r"\\tag\{(\d+)\}", PAGE)]
    assert numbers == list(range(1, len(numbers) + 1))
    referred = {int(number) for number in re.findall(r"(?<![\w)])\((\d{1,2})\)", PAGE)}
    assert referred <= set(numbers)


FORMULA = re.compile(r"\$\$?[^$]+\$\$?")
# Where letters stand that docs/symbols.md gives one meaning.
SECTIONS = {
    r"\kappa": {3, 4},
    r"\varepsilon": {9},
    r"\zeta": {9},
    r"\nu": {8},
    r"\xi": {5},
    r"\omega": {4},
    "B": {2},
    "u": {2},
}


@pytest.mark.parametrize("letter", SECTIONS)
def test_a_letter_of_one_meaning_stands_where_it_means_that(letter: str) -> None:
    _, *parts = re.split(r"^## (\d+)\. ", PAGE, flags=re.MULTILINE)
    sections = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    alone = re.compile(rf"(?<![A-Za-z\\]){re.escape(letter)}(?![A-Za-z])")
    found = {
        number
        for number, text in sections.items()
        if any(alone.search(formula) for formula in FORMULA.findall(text))
    }
    assert found == SECTIONS[letter]
