"""MLflow has one door."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project import ROOT, run_command

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


def test_only_the_store_and_its_connection_import_mlflow() -> None:
    users = [file for file in SOURCES.rglob("*.py") if "mlflow" in imported(file)]
    assert {file.relative_to(SOURCES).as_posix() for file in users} == {
        "tracking/mlflow_store.py",
        "tracking/store_connection.py",
        "tracking/store_models.py",
    }


def test_naming_the_tracker_does_not_load_mlflow() -> None:
    program = "import sys, snowmelt.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


DELIVERY = """
import sys, time
from pathlib import Path
from PIL import Image
from snowmelt import tracking
from tests.tracking.fake_server import serving

root, kind = Path(sys.argv[1]), sys.argv[2]
before = "IPython" in sys.modules
with serving() as fake:
    uri = fake.uri if kind == "server" else "http://127.0.0.1:9"
    settings = {"uri": uri, "flush_seconds": 0.01}
    config = {"tracking": settings, "seed": 0}
    with tracking.open_training(config, root, state=root / "state", identity="a") as run:
        # Whatever is imported from here on may be seen half imported by who draws.
        half = [m for m in ("IPython",) if not hasattr(sys.modules.get(m), "version_info")]
        known = set(sys.modules)
        run.log_metrics({"loss": 1.0}, 1)
        run.log_text("note.txt", "text")
        run.log_picture("samples", Image.new("L", (8, 8)), 1)
        run.log_params({"more": 1})
        run.flush()
    late = {m.partition(".")[0] for m in set(sys.modules) - known}
    late = sorted(late - sys.stdlib_module_names)
print(before, half, late, len(fake.files))
"""


@pytest.mark.parametrize("kind", ["server", "nobody"])
def test_the_thread_of_the_deliveries_imports_nothing(tmp_path: Path, kind: str) -> None:
    """A slow IPython, half imported in a thread, is what matplotlib stumbles over."""
    package = tmp_path / "slow" / "IPython"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import time\n"
        "time.sleep(0.5)\n"
        "version_info = (9, 0, 0)\n"
        "get_ipython = lambda: None\n"
    )
    path = os.pathsep.join([str(package.parent), str(ROOT / "src"), str(ROOT)])
    done = run_command(
        sys.executable,
        "-c",
        DELIVERY,
        str(tmp_path),
        kind,
        cwd=tmp_path,
        environment={"PYTHONPATH": path},
    )
    files = 4 if kind == "server" else 0
    assert done.stdout == f"False [] [] {files}\n", done.stderr
