"""Notebooks are kept as written: not run, without other libraries, for any machine."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import snowmelt
from snowmelt.common.public_names import PARTS
from tests.project import ROOT

Cells = list[dict[str, Any]]
# Whoever can install the package can run them; figures come from `snowmelt.viz`.
LIBRARIES = {"snowmelt", "numpy", "torch", "IPython", *sys.stdlib_module_names}
# A path from the root of a disk: not `a/b`, not `~/a`, no address and no comment's `/`.
ABSOLUTE = re.compile(r"(?<![\w~.:/$}*)])(?:/[\w.-]+){2,}|\b[A-Za-z]:\\\w|/tmp\b")
FACE = "snowmelt as sm"
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])


def cells_of(path: Path) -> Cells:
    cells: Cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def imported(code: str) -> Iterator[str]:
    """The libraries that a cell imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def deep_imports(code: str) -> Iterator[str]:
    """The imports of a cell that go below the public parts, or around them."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("snowmelt") and ast.unparse(alias) != FACE:
                    yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            place, names = node.module or "", [alias.name for alias in node.names]
            if place.startswith("snowmelt") and not are_public(place, names):
                yield ast.unparse(node)


def are_public(place: str, names: list[str]) -> bool:
    """Whether a module is a public part under its own name, and gives no inner modules."""
    part = place.removeprefix("snowmelt.")
    if PARTS.get(part) != place:
        return False
    return not any(isinstance(public(part, name), ModuleType) for name in names)


def chains(code: str) -> Iterator[str]:
    """The dotted names of a cell that begin with `sm`, each with all of its dots."""
    inner: set[ast.AST] = set()
    for node in ast.walk(ast.parse(code)):  # from the outside inwards
        if isinstance(node, ast.Attribute) and node not in inner:
            text, value = ast.unparse(node), node.value
            while isinstance(value, ast.Attribute):
                inner.add(value)
                value = value.value
            if isinstance(value, ast.Name) and value.id == "sm":
                yield text


def public(part: str, name: str) -> Any:
    """What a name of a public part stands for; an error where it stands for nothing."""
    return getattr(getattr(snowmelt, part), name)


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) > 5


@every_notebook
def test_it_is_stored_without_what_running_it_leaves(path: Path) -> None:
    for cell in cells_of(path):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], cell["id"]
            assert cell["execution_count"] is None, cell["id"]
        assert cell["metadata"] == {}, cell["id"]
        assert not cell.get("attachments"), cell["id"]


@every_notebook
def test_every_cell_has_an_id_of_its_own(path: Path) -> None:
    names = [cell["id"] for cell in cells_of(path)]
    assert len(set(names)) == len(names)


@every_notebook
def test_it_imports_no_other_library(path: Path) -> None:
    cells = [cell for cell in cells_of(path) if cell["cell_type"] == "code"]
    found = {library for cell in cells for library in imported(source(cell))}
    assert "snowmelt" in found
    assert found <= LIBRARIES


@every_notebook
def test_it_knows_the_package_by_its_public_parts(path: Path) -> None:
    cells = [source(cell) for cell in cells_of(path) if cell["cell_type"] == "code"]
    assert [line for cell in cells for line in deep_imports(cell)] == []
    for chain in {chain for cell in cells for chain in chains(cell)}:
        _, part, *names = chain.split(".")
        if part in PARTS:
            assert names, f"{chain}: a part is used by the names in it"
            assert not isinstance(public(part, names[0]), ModuleType), chain
        else:
            assert hasattr(snowmelt, part), chain


@pytest.mark.parametrize(
    ("code", "is_deep"),
    [
        ("import snowmelt as sm", False),
        ("from snowmelt.viz import image_grid, show", False),
        ("import snowmelt", True),
        ("from snowmelt.viz import plots", True),
        ("from snowmelt.viz.plots.image_grid import image_grid", True),
        ("from snowmelt.diffusion import schedules", True),
        ("def f():\n    import snowmelt.viz as viz", True),
    ],
)
def test_what_counts_as_a_deep_import(code: str, is_deep: bool) -> None:
    assert bool(list(deep_imports(code))) is is_deep


@every_notebook
def test_it_speaks_of_no_place_on_a_machine(path: Path) -> None:
    found = [match for cell in cells_of(path) for match in ABSOLUTE.findall(source(cell))]
    assert found == []


@every_notebook
def test_a_folder_that_it_makes_goes_with_its_last_cell(path: Path) -> None:
    cells = [source(cell) for cell in cells_of(path)]
    whole = "\n".join(cells)
    assert "mkdtemp" not in whole
    if "TemporaryDirectory" in whole:
        assert re.search(r"^\w+\.cleanup\(\)$", cells[-1], re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ('x = "/home/me/dogs"', True),
        ("in /srv/data now", True),
        ("open('/tmp')", True),
        (r"C:\pictures", True),
        ("export SNOWMELT_IMAGES=~/dogs", False),
        ("conf/schedule/linear.yaml and data/raw", False),
        ("https://example.org/a/b", False),
        (r"$\sigma/\alpha/2$ and x/y/z", False),
        ("1/2/3, (a)/b/c", False),
    ],
)
def test_what_counts_as_a_place(text: str, is_found: bool) -> None:
    assert bool(ABSOLUTE.search(text)) is is_found
