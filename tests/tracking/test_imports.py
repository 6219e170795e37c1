"""MLflow has one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import snowmelt

SOURCES = Path(snowmelt.__file__).parent


def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_only_the_store_imports_mlflow() -> None:
    users = [file for file in SOURCES.rglob("*.py") if "mlflow" in imported(file)]
    assert users == [SOURCES / "tracking" / "mlflow_store.py"]


def test_naming_the_tracker_does_not_load_mlflow() -> None:
    program = "import sys, snowmelt.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
