"""The tags that say where a run came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from snowmelt import __version__
from snowmelt.tracking.provenance import origin


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_run_names_its_commit_and_whether_the_tree_was_changed(tmp_path: Path) -> None:
    assert "git_commit" not in origin(tmp_path, "train")
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-qm", "one")
    clean = origin(tmp_path, "train")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert clean["git_commit"] == clean["mlflow.source.git.commit"] == commit
    assert clean["git_dirty"] == "false"
    (tmp_path / "untracked").write_text("x")
    assert origin(tmp_path, "train")["git_dirty"] == "false"
    (tmp_path / "file").write_text("two")
    assert origin(tmp_path, "train")["git_dirty"] == "true"


def test_a_run_names_versions_host_and_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "brave-otter")
    tags = origin(tmp_path, "sample")
    assert tags["DVC_EXP_NAME"] == "brave-otter"
    assert tags["snowmelt_version"] == __version__
    assert tags["mlflow.source.name"] == "snowmelt sample"
    assert all(
        tags[key] for key in ("torch_version", "host", "python_version", "mlflow.user")
    )
    monkeypatch.delenv("DVC_EXP_NAME")
    assert "DVC_EXP_NAME" not in origin(tmp_path, "sample")
