"""Which source files a stage runs, read off its imports.

`dvc.yaml` lists them so that an edit re-runs the stages that it touches and no other, and
the identity of a training includes their bytes. Three rules:

- an import, at the top or inside a function, is a dependency, and so are the `__init__`
  files of the packages on the way;
- `build(node, Base)` may make any class of the package in which `Base` lives (the
  configuration says which), so every module of that package is one;
- a template beside a module is read by it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@functools.cache
def _modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ("snowmelt", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def code_of(stage: str) -> list[Path]:
    """The source files that the stage runs, sorted.

    Args:
        stage: the name of a module in `snowmelt.pipeline.stages`.
    """
    waiting, seen = [f"snowmelt.pipeline.stages.{stage}"], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += _imported(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return sorted({path for name in seen for path in _files(_modules()[name])})


def _files(module: Path) -> list[Path]:
    """A module, and what it may read that lies beside it (a page's template)."""
    beside = [path for path in module.parent.glob("*.html") if module.parent != PACKAGE]
    return [module, *beside]


def code_digest(stage: str) -> str:
    """The SHA-256 of the bytes of all files that the stage runs."""
    digest = hashlib.sha256()
    for path in code_of(stage):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _imported(name: str) -> list[str]:
    """The modules of this package that one module imports or may build from."""
    imports, bases = _read(_modules()[name].read_bytes())
    built = [module for base in bases for module in _siblings(base)]
    return [module for module in (*imports, *built) if module in _modules()]


@functools.cache
def _read(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a source file with this content imports, and where the bases it builds live.

    Parsing takes most of the time, and in one process most files are asked for often. What
    they hold is the key, so that an edit is seen whatever the clock of the disk says.
    """
    tree = ast.parse(content)
    origin: dict[str, str] = {}
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports.append(node.module)
            imports += [f"{node.module}.{alias.name}" for alias in node.names]
            origin |= {alias.asname or alias.name: node.module for alias in node.names}
    bases = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) > 1 and _is_build(node):
            base = node.args[1]
            if isinstance(base, ast.Name) and base.id in origin:
                bases.append(origin[base.id])
    return tuple(imports), tuple(bases)


def _is_build(node: ast.Call) -> bool:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else None
    return "build" in (name, function.id if isinstance(function, ast.Name) else None)


def _siblings(module: str) -> list[str]:
    """Every module of the sub-package of `module`; none for a module at the top."""
    is_package = _modules()[module].name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    if package == "snowmelt":
        return []
    return [name for name in _modules() if name.startswith(f"{package}.")]


def write_into(pipeline: Path) -> None:
    """Bring the source files that `dvc.yaml` lists up to date; all else stays."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(pipeline.read_text(encoding="utf-8"))
    for name, stage in content["stages"].items():
        others = [d for d in stage.get("deps", []) if not str(d).startswith("src/")]
        stage["deps"] = others + [
            f"src/snowmelt/{p.relative_to(PACKAGE)}" for p in code_of(name)
        ]
    with pipeline.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)


if __name__ == "__main__":
    write_into(Path("dvc.yaml"))
