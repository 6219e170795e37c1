"""Dependencies point one way, and the mathematics needs torch alone."""

from __future__ import annotations

import ast
import functools
import graphlib
import sys
from pathlib import Path

import pytest

import snowmelt

PACKAGE = Path(snowmelt.__file__).parent
FILES = {
    ".".join(("snowmelt", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# Each may import what stands before it, and its own package.
ORDER = [
    {"randomness", "errors"},
    {"schedules"},
    {"processes"},
    {"predictions"},
    {"denoiser", "decoder"},
    {"losses", "times", "samplers", "densities"},
    {"likelihood", "guidance", "trajectories"},
    {"training"},
    {"stages"},
]
MATHEMATICS = set().union(*ORDER[:7]) - {"errors"}
# What else a module of the mathematics may import, and why.
EXCEPTIONS = {
    "snowmelt.sampling.samplers.adaptive": {"scipy"},  # an ODE solver with error control
}


def part(module: str) -> str:
    """`samplers` for `snowmelt.sampling.samplers.ddim`."""
    return module.split(".")[1] if "." in module else ""


@functools.cache
def parsed(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def imports(module: str, *, at_top_only: bool = False) -> set[str]:
    """The modules that one imports; those of this package by their full name."""
    tree = parsed(module)
    found = set()
    for node in tree.body if at_top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names} & FILES.keys()
            found |= names or {node.module}
    return found


def of_part(*names: str) -> list[str]:
    return [module for module in FILES if part(module) in names]


def test_the_mathematics_is_all_there() -> None:
    core = {"schedules", "processes", "predictions", "denoiser", "losses", "times"}
    assert core <= {part(module) for module in of_part(*MATHEMATICS)}
    assert "snowmelt.sampling.samplers.ddim" in of_part("samplers")


@pytest.mark.parametrize("module", of_part(*MATHEMATICS))
def test_the_mathematics_imports_torch_and_the_standard_library(module: str) -> None:
    for name in imports(module):
        top = name.split(".")[0]
        if top == "snowmelt":
            assert part(name) in MATHEMATICS, name
        else:
            allowed = {"torch", *EXCEPTIONS.get(module, ())} | sys.stdlib_module_names
            assert top in allowed, name


@pytest.mark.parametrize("module", of_part("nets"))
def test_networks_know_nothing_but_networks(module: str) -> None:
    for name in imports(module):
        top = name.split(".")[0]
        assert part(name) == "nets" if top == "snowmelt" else top != "numpy", name
        assert top in ("snowmelt", "torch") or top in sys.stdlib_module_names, name


@pytest.mark.parametrize("module", of_part(*set().union(*ORDER)))
def test_dependencies_point_one_way(module: str) -> None:
    level = {name: number for number, names in enumerate(ORDER) for name in names}
    for name in imports(module):
        if (
            name.startswith("snowmelt.")
            and part(name) in level
            and part(name) != part(module)
        ):
            assert level[part(name)] < level[part(module)], f"{module} imports {name}"


def test_only_the_command_line_knows_the_stages() -> None:
    for module in FILES:
        reached = {name for name in imports(module) if part(name) == "stages"}
        assert not reached or module == "snowmelt.pipeline.cli", (
            f"{module} imports {reached}"
        )


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module: {name for name in imports(module, at_top_only=True) if name in FILES}
        for module in FILES
    }
    graphlib.TopologicalSorter(graph).prepare()
