"""An address where no store can be is refused before the first stage."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from snowmelt.common.instantiate import plain
from snowmelt.pipeline.config import composition
from tests.project import ROOT


@pytest.mark.parametrize(
    "command",
    [
        *("pipeline", "compose", "prepare", "train", "sample", "evaluate", "report"),
        *("sync", "ui"),
    ],
)
def test_every_command_looks_at_the_address_first(
    workspace: Path, mistake: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace}")
    line = mistake(command, cwd=workspace)
    assert "MLFLOW_TRACKING_URI: sqlite:///" in line
    assert "is a folder" in line
    assert not (workspace / "outputs").exists()
    assert not (workspace / "data" / "prepared").exists()


def test_so_do_a_sweep_and_a_composed_file(workspace: Path, mistake: Any) -> None:
    line = mistake("pipeline", "-m", "seed=0,1", "tracking.uri='sqlite://'", cwd=workspace)
    assert "tracking.uri: sqlite:// names no file" in line
    assert not (workspace / "multirun").exists()
    config = plain(composition.compose(workspace, is_checked=False))
    config["tracking"]["uri"] = "http://"
    file = workspace / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    line = mistake("train", "--config", str(file), cwd=workspace)
    assert "tracking.uri: http:// names no host" in line


def test_untracked_the_address_is_nobodys_matter(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snowmelt.pipeline.cli import main

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite://")
    monkeypatch.chdir(workspace)
    assert main(["compose", "tracking=none"]) == 0


def test_make_ui_opens_it_at_the_port_that_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "snowmelt").write_text('#!/bin/sh\necho "called $@"\n')
    (tools / "snowmelt").chmod(stat.S_IRWXU)
    for name in ("requirements.txt", "pyproject.toml", ".venv/installed"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".venv/installed", (time.time() + 10,) * 2)
    done = subprocess.run(
        ["make", "-s", "ui", "PORT=5077"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "called ui --port 5077\n"
