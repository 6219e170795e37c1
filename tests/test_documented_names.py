"""What the pages name exists: files, folders, commands of make, and dotted names.

A page may tell to write a file (CONTRIBUTING.md does): "Write `file`", or a class in one of
its blocks. Such a name is of no file here, and is left out.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from snowmelt.common import public_names
from tests.project import ROOT

PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        # The tutorials are made of the notebooks.
        *(
            path
            for path in (ROOT / "docs").rglob("*.md")
            if path.parent.name != "tutorials"
        ),
        *(ROOT / "notebooks").glob("*.ipynb"),
    ]
)
PLACES = (ROOT, ROOT / "src" / "snowmelt")
# What runs make, and git does not keep; a page says where it will be.
MADE = re.compile(r"(outputs|reports|multirun|runs|mlartifacts|site|\.snowmelt|\.venv)/")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.py|\.yaml|\.ipynb|\.md)")
IN_TREE = re.compile(r"(?<![\w/.])(?:src|conf|tests|docs|notebooks)(?:/[\w.-]+)+/?")
DOTTED = re.compile(r"(?<![\w/.])(?:snowmelt|sm)(?:\.(?!bib\b)\w+)+")
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)


def text_of(page: Path) -> str:
    """A page, or the prose of a notebook."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    prose = [c["source"] for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"]
    return "\n".join(map("".join, prose))


def to_be_written(text: str) -> set[str]:
    """The files and classes that a page tells to write."""
    files = re.findall(r"\bWrite `([^`]+)`", text)
    return {*files, *re.findall(r"^ *class (\w+)\(", text, re.MULTILINE)}


def exists(path: str) -> bool:
    """Whether a path is there; a name without a folder may be that of any file."""
    if "/" not in path:
        return any(next(place.rglob(path), None) for place in PLACES[1:])
    return any((place / path).exists() for place in PLACES)


def resolve(name: str) -> None:
    """Find what a dotted name stands for, as a configuration or a program would."""
    name = re.sub(r"^sm\.", "snowmelt.", name)
    try:
        importlib.import_module(name)
    except ImportError:
        owner, _, last = name.rpartition(".")
        if re.search(r"\.[A-Z]\w*$", owner):
            assert hasattr(public_names.find(owner), last), name  # a method
        else:
            public_names.find(name)


@every_page
def test_files_that_are_named_exist(page: Path) -> None:
    text = text_of(page)
    quoted = [word for word in re.findall(r"`([^`\n]+)`", text) if PATH.fullmatch(word)]
    named = {word for word in quoted if "/" in word or word.endswith(".py")}
    named |= {path.rstrip(".") for path in IN_TREE.findall(text)}
    named -= to_be_written(text)
    missing = [path for path in sorted(named) if not MADE.match(path) and not exists(path)]
    assert missing == []


@every_page
def test_dotted_names_lead_somewhere(page: Path) -> None:
    text = text_of(page)
    new = to_be_written(text)
    for name in sorted(set(DOTTED.findall(text))):
        if not new & set(name.split(".")):
            resolve(name)


@every_page
def test_targets_of_make_are_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    said = re.findall(r"(?:`|^    )make ([a-z-]+)", text_of(page), re.MULTILINE)
    assert set(said) <= targets


def test_a_name_that_leads_nowhere_is_noticed() -> None:
    resolve("sm.schedules.Cosine")
    for name in ("snowmelt.schedules.Bent", "snowmelt.rates", "sm.loud"):
        with pytest.raises((ImportError, AttributeError)):
            resolve(name)
