"""The mathematics needs torch and the standard library alone, whatever a list forbids.

The order of the rooms and the circles are contracts of import-linter in pyproject.toml.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import snowmelt
from tests.project import ROOT, run_command

PACKAGE = Path(snowmelt.__file__).parent
ROOMS = {
    "common",
    "data",
    "densities",
    "diffusion",
    "evaluation",
    "nets",
    "pipeline",
    "sampling",
    "tracking",
    "training",
    "viz",
}
MATHEMATICS = ("diffusion", "densities", "nets", "sampling/samplers", "sampling/guidance")
# What else a module of the mathematics may import, and why.
EXCEPTIONS = {
    "sampling/samplers/adaptive.py": {"scipy"},  # an ODE solver with error control
    "densities/mcmc/diagnostics.py": {"arviz_stats", "numpy"},  # R-hat as ArviZ has it
}
FILES = sorted(
    file.relative_to(PACKAGE).as_posix()
    for room in MATHEMATICS
    for file in (PACKAGE / room).rglob("*.py")
)


def imported(file: str) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, "imports are absolute"
            found.add(node.module)
    return found


def test_no_room_below_the_stages_knows_hydras_configuration() -> None:
    """They get settings objects, parts as plain dictionaries, or values."""
    files = (file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py"))
    below = [file.as_posix() for file in files if file.parts[0] != "pipeline"]
    knowing = {file for file in below if {"omegaconf", "hydra"} & tops(file)}
    assert knowing == {"common/instantiate.py"}, "`plain` takes a node of either kind"


def tops(file: str) -> set[str]:
    """The packages that a file imports."""
    return {name.partition(".")[0] for name in imported(file)}


def test_there_are_eleven_rooms_and_no_loose_module() -> None:
    inside = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    beside = {"py.typed", "__init__.pyi"}  # what type checkers read
    assert inside - beside == ROOMS | {"__init__.py", "__main__.py"}


def test_the_mathematics_is_all_there() -> None:
    assert len(FILES) > 60
    assert {"diffusion/processes.py", "sampling/samplers/ode.py"} <= set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_the_mathematics_imports_torch_and_the_standard_library(file: str) -> None:
    allowed = {"torch", "snowmelt", *EXCEPTIONS.get(file, ())} | sys.stdlib_module_names
    for name in imported(file):
        assert name.split(".")[0] in allowed, name


def test_networks_know_nothing_but_networks() -> None:
    for file in FILES:
        if file.startswith("nets/"):
            inside = {name for name in imported(file) if name.startswith("snowmelt")}
            inside -= {"snowmelt.common.bounds"}  # the ranges of their arguments
            assert all(name.startswith("snowmelt.nets") for name in inside), file


def test_the_mathematics_loads_nothing_else() -> None:
    """Not by way of another module either."""
    program = (
        "import sys, snowmelt.diffusion.losses, snowmelt.densities, snowmelt.nets\n"
        "import snowmelt.sampling.samplers, snowmelt.sampling.guidance\n"
        "slow = {'scipy', 'pandas', 'matplotlib', 'omegaconf', 'hydra', 'mlflow'}\n"
        "slow |= {'pytorch_lightning', 'torchvision', 'torchmetrics', 'sklearn', 'PIL'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("diffusion/denoiser.py", "import snowmelt.densities", "Rooms import downwards"),
        ("tracking/run.py", "import snowmelt.viz", "Tracking uses common alone"),
        ("viz/style.py", "import mlflow", "MLflow has one door"),
        ("training/ema.py", "import matplotlib", "matplotlib has one door"),
        ("densities/grid.py", "import numpy", "The mathematics imports torch"),
    ],
)
def test_a_wrong_import_breaks_the_contract(
    tmp_path: Path, file: str, line: str, contract: str
) -> None:
    copy = tmp_path / "src" / "snowmelt"
    for source in PACKAGE.rglob("*.py"):
        target = copy / source.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (copy / file).write_text((copy / file).read_text() + f"\n{line}\n")
    checked = run_command(
        "lint-imports", "--no-cache", cwd=tmp_path, environment={"PYTHONPATH": "src"}
    )
    assert checked.returncode != 0
    assert any(
        contract in said and "BROKEN" in said for said in checked.stdout.splitlines()
    ), checked.stdout


def test_no_two_modules_have_one_base_name() -> None:
    """A name leads to one file; the stages mirror the rooms, and each room has settings."""
    files = [
        file
        for file in PACKAGE.rglob("*.py")
        if file.name not in ("__init__.py", "settings.py") and file.parent.name != "stages"
    ]
    names = Counter(file.stem for file in files)
    assert {name for name, count in names.items() if count > 1} == set()


def test_the_paths_that_mutations_and_tests_are_told_exist() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    for pattern in tool["mutmut"]["only_mutate"]:
        assert list(ROOT.glob(pattern)), pattern
    for place in tool["mutmut"]["pytest_add_cli_args_test_selection"]:
        assert (ROOT / place).exists(), place


def test_the_tests_of_a_mutated_module_are_among_those_that_judge_it() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    told = tool["mutmut"]["pytest_add_cli_args_test_selection"]
    chosen = [ROOT / place for place in told]
    for pattern in tool["mutmut"]["only_mutate"]:
        for file in ROOT.glob(pattern):
            mirrored = ROOT / "tests" / file.relative_to(PACKAGE)
            mirrored = mirrored.with_name(f"test_{file.name}")
            is_told = any(mirrored.is_relative_to(place) for place in chosen)
            assert is_told or not mirrored.exists(), mirrored
