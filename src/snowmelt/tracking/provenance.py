"""The tags that say where a run came from: code, versions, host, DVC experiment."""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import subprocess
from importlib import metadata
from pathlib import Path

from snowmelt import __version__
from snowmelt.common.errors import UserError


def origin(root: Path, stage: str) -> dict[str, str]:
    """The tags of a run that `stage` opens in the project at `root`."""
    tags = {
        "snowmelt_version": __version__,
        "torch_version": metadata.version("torch"),
        "python_version": platform.python_version(),
        "host": socket.gethostname(),
        "mlflow.source.name": f"snowmelt {stage}",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }
    tags |= given_tags()
    for variable in ("DVC_EXP_NAME", "SLURM_JOB_ID"):
        if value := os.environ.get(variable):
            tags[variable] = value
    if commit := _git(root, "rev-parse", "HEAD"):
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        tags["mlflow.source.git.commit"] = tags["git_commit"] = commit
        tags["git_dirty"] = "true" if changed else "false"
    return tags


def given_tags() -> dict[str, str]:
    """The tags of MLFLOW_RUN_CONTEXT, a mapping in JSON.

    Raises:
        UserError: it is none.
    """
    text = os.environ.get("MLFLOW_RUN_CONTEXT") or "{}"
    try:
        return {str(tag): str(value) for tag, value in json.loads(text).items()}
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"MLFLOW_RUN_CONTEXT must be a mapping of tags in JSON, got {text!r}"
        ) from error


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command, or None outside a repository."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True, text=True, timeout=10, env=environment, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
