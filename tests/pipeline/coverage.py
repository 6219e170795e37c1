"""Which source files a stage runs, read off imports and off what `build` may make."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from pathlib import Path

import grimp
import yaml

from tests.project import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
# They watch, or refuse: no byte of an output follows from them.
BUILDERS = ("build", "instantiate")
OBSERVERS = (
    "snowmelt.viz",
    "snowmelt.tracking",
    "snowmelt.pipeline.callbacks",
    "snowmelt.pipeline.before_training",
)
GUARDS = ("snowmelt.pipeline.compatibility",)
# The command line composes before stage compose writes; other stages start with themselves.
ROOTS = {"compose": ("snowmelt.pipeline.config.composition",)}
GRAPH = grimp.build_graph("snowmelt")


def belongs(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def declares(module: str) -> bool:
    """Whether a module says what keys a room reads, which compose takes defaults from."""
    return module.endswith(".settings")


def file_of(module: str) -> Path:
    place = ROOT / "src" / module.replace(".", "/")
    package = place / "__init__.py"
    return package if package.is_file() else place.with_suffix(".py")


def runs(stage: str, ignored: tuple[str, ...]) -> set[str]:
    """The modules that a stage runs, without those of `ignored` and what only they need."""
    waiting = [f"snowmelt.pipeline.stages.{stage}", *ROOTS.get(stage, ())]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen or (belongs(module, ignored) and not declares(module)):
            continue
        seen.add(module)
        waiting += GRAPH.find_modules_directly_imported_by(module)
        waiting += buildable(module)
        waiting += [parent for parent in parents(module) if decides(parent)]
    return seen


def parents(module: str) -> list[str]:
    """The packages around a module, but for the outermost, which holds a version alone."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(2, len(parts))]


@functools.cache
def decides(module: str) -> bool:
    """Whether a package's own file brings other modules in as soon as it is imported."""
    body = ast.parse(file_of(module).read_text(encoding="utf-8")).body
    sources = (node.module or "" for node in body if isinstance(node, ast.ImportFrom))
    return any(source.startswith("snowmelt.") for source in sources)


@functools.cache
def buildable(module: str) -> tuple[str, ...]:
    """The modules of all classes that a call `build(node, Base)` in this one may make."""
    tree = ast.parse(file_of(module).read_text(encoding="utf-8"))
    found: list[str] = []
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and ast.unparse(node.func) in BUILDERS
        if is_call and len(node.args) > 1 and isinstance(node.args[1], ast.Name):
            base = getattr(importlib.import_module(module), node.args[1].id, None)
            found += (
                [kind.__module__ for kind in kinds(base)] if inspect.isclass(base) else []
            )
    return tuple(sorted(set(found)))


def kinds(base: type) -> set[type]:
    """A class of this package and all classes that derive from it, wherever they are."""
    everything()
    found = {base}
    for kind in base.__subclasses__():
        found |= kinds(kind)
    return {kind for kind in found if kind.__module__.startswith("snowmelt.")}


@functools.cache
def everything() -> None:
    """Import every module, so that every class is known."""
    for module in GRAPH.modules:
        if module != "snowmelt.__main__":
            importlib.import_module(module)


def listed(stage: str) -> list[Path]:
    """The source folders and files that dvc.yaml names for a stage."""
    return [ROOT / d for d in PIPELINE[stage]["deps"] if str(d).startswith("src/")]


def covers(places: list[Path], file: Path) -> bool:
    return any(file == place or place in file.parents for place in places)
