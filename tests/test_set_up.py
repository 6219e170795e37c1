"""What is looked at before `make` fetches gigabytes: git, Python, its modules, the disk."""

from __future__ import annotations

import importlib.metadata
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.project import ROOT, clean_environment

Usage = namedtuple("Usage", "total used free")
Said = pytest.CaptureFixture[str]


@pytest.fixture
def checks() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / ".ci" / "can_set_up"), run_name="can_set_up")


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What "Download ZIP" gives: the files, DVC's folder among them, and no repository."""
    folder = tmp_path / "snowmelt-main (1)"
    for name in ("Makefile", ".ci/can_set_up", ".dvc/config", "requirements.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "pyproject.toml").touch()
    monkeypatch.chdir(folder)
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return folder


def test_a_folder_that_is_no_repository_is_told_of_git_init(
    checks: dict[str, Any], unpacked: Path, capsys: Said
) -> None:
    assert checks["main"]("repository") == 1
    said = capsys.readouterr().err
    assert f"{unpacked} is no git repository" in said
    assert "git init" in said
    assert "snowmelt pipeline" in said
    assert said.count("\n") == 1
    subprocess.run(["git", "init", "-q"], cwd=unpacked, check=True)
    assert checks["main"]("repository") == 0


def test_what_is_said_of_dvc_without_git_is_taken(
    checks: dict[str, Any], unpacked: Path, capsys: Said
) -> None:
    assert checks["main"]("repository") == 1
    line = capsys.readouterr().err.partition("or `")[2].partition("`")[0]
    subprocess.run(["bash", "-c", line], cwd=unpacked, check=True)
    assert checks["main"]("repository") == 0


def test_git_may_be_missing(
    checks: dict[str, Any], unpacked: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("PATH", str(unpacked))
    assert checks["main"]("repository") == 1
    assert "git, which is not installed" in capsys.readouterr().err


def test_an_old_python(
    checks: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert checks["main"]("setup", ".venv") == 1
    assert "this is 3.9: make setup PYTHON=python3.11" in capsys.readouterr().err


def test_a_python_that_makes_no_environments(
    checks: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert checks["main"]("setup", ".venv") == 1
    assert "no module ensurepip" in capsys.readouterr().err


def test_a_full_disk(
    checks: dict[str, Any], unpacked: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    assert checks["main"]("setup", ".venv") == 0 or "make room" in capsys.readouterr().err
    for free, status in ((20e9, 0), (1e9, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(0, 0, free))
        assert checks["main"]("setup", "deep/er/.venv") == status
    assert f"{unpacked} has 1.0 GB left" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["-j1", "-j4"])
def test_make_says_so_before_it_sets_up(unpacked: Path, jobs: str) -> None:
    done = subprocess.run(
        ["make", jobs, "repro"],
        cwd=unpacked,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "git init" in done.stderr
    assert "setting up" not in done.stdout
    assert not (unpacked / ".venv").exists()


def test_what_is_pinned_takes_every_python_that_the_package_takes() -> None:
    """Debian's Python is 3.11.2: a pin that asks for 3.11.5 cannot be installed there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if "==" in line.partition("#")[0]]
    here = [pin for pin in pinned if pin.marker is None or pin.marker.evaluate()]
    assert len(here) > 100
    for pin in here:
        asked = importlib.metadata.metadata(pin.name).get("Requires-Python")
        assert asked is None or SpecifierSet(asked).contains(oldest), f"{pin}: {asked}"
