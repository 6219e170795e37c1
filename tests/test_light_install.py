"""Sampling from a checkpoint takes few packages, those of `pip install .[sample]`."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from tests.project import ROOT, clean_environment
from tests.test_readme import blocks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CHECKPOINT = ROOT / "tests/fixtures/before_the_rooms/images.ckpt"
HEAVY = ("dvc", "hydra-core", "mlflow", "pytorch-lightning", "scikit-learn", "torchvision")


def brought(names: list[str]) -> Iterator[str]:
    """The distributions that these requirements bring along, as they are installed here."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        key = wanted.name.lower(), frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        yield key[0]
        extras = ("", *wanted.extras)
        for line in importlib.metadata.requires(key[0]) or ():
            needed = Requirement(line)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in extras):
                waiting.append(needed)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and what it declares for sampling, and nothing else."""
    folder = tmp_path_factory.mktemp("light")
    for name in brought([*PROJECT["dependencies"], *EXTRAS["sample"]]):
        for file in importlib.metadata.files(name) or ():
            top = file.parts[0]
            place = Path(str(file.locate())).parents[len(file.parts) - 1] / top
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(place)
    (folder / "snowmelt").symlink_to(ROOT / "src/snowmelt")
    return folder


def run(light: Path, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python that finds nothing but the standard library and `light`."""
    found = f"import sys; sys.path.insert(0, {str(light)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", found + program],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_what_is_declared_for_it_is_little() -> None:
    little = set(brought([*PROJECT["dependencies"], *EXTRAS["sample"]]))
    assert not little & set(HEAVY)
    assert {"torch", "numpy", "pillow"} <= little


def test_everything_else_is_declared_for_the_commands() -> None:
    everything = {*PROJECT["dependencies"], *EXTRAS["pipeline"]}
    assert {*HEAVY, *EXTRAS["sample"]} <= everything
    assert "snowmelt[pipeline]" in EXTRAS["dev"]


def test_the_lines_of_the_readme_sample_there(light: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs/model").mkdir(parents=True)
    shutil.copy(CHECKPOINT, tmp_path / "outputs/model/model.ckpt")
    lines = [line for line in blocks()[1].splitlines() if line and "import" not in line]
    assert len(lines) <= 8
    done = run(light, blocks()[1], tmp_path)
    assert done.returncode == 0, done.stderr
    drawn = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("*.png"))]
    assert len(drawn) == 16
    assert all(one.dtype == np.uint8 and one.std() > 0 for one in drawn)


def test_every_sampler_and_network_is_there(light: Path, tmp_path: Path) -> None:
    program = (
        "import snowmelt as sm\n"
        "for part in (sm.samplers, sm.guidance, sm.nets):\n"
        "    assert [getattr(part, name) for name in part.__all__]\n"
        "assert sm.grids.Karras and sm.thresholds.Dynamic and sm.trajectories"
    )
    done = run(light, program, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_command_says_what_it_needs(light: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    program = "from snowmelt.pipeline.cli import main; sys.exit(main(['train', '--cfg']))"
    done = run(light, program, tmp_path)
    assert done.returncode == 2, done.stderr
    assert "pip install 'snowmelt[pipeline]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_pip_installs_it_into_an_environment_of_its_own(tmp_path: Path) -> None:
    """Fetches torch: gigabytes, and minutes."""
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    source = tmp_path / "snowmelt"
    shutil.copytree(
        ROOT / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pinned = ("-c", str(ROOT / "requirements.txt"))
    install = (python, "-m", "pip", "install", "--quiet", f"{source}[sample]", *pinned)
    subprocess.run(install, check=True, cwd=tmp_path, env=clean_environment())
    (tmp_path / "outputs/model").mkdir(parents=True)
    shutil.copy(CHECKPOINT, tmp_path / "outputs/model/model.ckpt")
    subprocess.run(
        [python, "-I", "-c", blocks()[1]], check=True, cwd=tmp_path, env=clean_environment()
    )
    assert len(list(tmp_path.glob("*.png"))) == 16
    listed = subprocess.run(
        [python, "-m", "pip", "list"], check=True, capture_output=True, text=True
    ).stdout
    installed = {line.split()[0].lower() for line in listed.splitlines()[2:]}
    assert not installed & set(HEAVY)
