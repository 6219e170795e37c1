"""Commands that a sweep or `snowmelt iterate` starts, in the process of the tests.

The program gives each a process of its own, which imports for seconds before it does what
is looked at. That it does so is seen elsewhere: of every launcher in
`sweep/test_launchers.py`, of a process's output and end in `sweep/test_tasks.py`, and of a
whole sweep in `sweep/test_multirun.py`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest

from snowmelt.pipeline.cli import main
from snowmelt.pipeline.sweep import job_processes, tasks

# The module: its name in the package is that of its function.
ONE_COMMAND = importlib.import_module("snowmelt.tracking.one_command")


def run_here(patch: pytest.MonkeyPatch) -> None:
    """Let tasks that run one after another do so in this process."""
    patch.setattr(tasks, "run_stage", _run_stage)


def _run_stage(
    command: str, file: Path, root: Path, variables: Mapping[str, str], log: None = None
) -> str:
    """What `job_processes.run_stage` does with a process, whose output is shown."""
    assert log is None, "several at once would share what a process has once"
    environment = {**job_processes.environment_here(root), **variables}
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        # What the sweep leaves for its own end is no business of its jobs.
        mock.patch.object(ONE_COMMAND, "_deferred", None),
        contextlib.redirect_stderr(said),
    ):
        code = main([command, "--config", str(file)])
    print(said.getvalue(), end="", file=sys.stderr)
    return job_processes.said_of(code, said.getvalue().encode()) if code else ""
