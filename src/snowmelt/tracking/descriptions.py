"""What a description in MLflow's UI is written with: links, and the command that was typed.

A description is Markdown. In it `{run}` and `{experiment}` stand for ids, which are known
when the store has made the run.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from urllib.parse import quote

from snowmelt.tracking.address import redacted
from snowmelt.tracking.sweep_job import SweepJob

RUN, EXPERIMENT = "{run}", "{experiment}"
# How this program is called: by its script, or as a module.
_PROGRAMS = ("snowmelt", "__main__.py")


def artifact_link(path: str) -> str:
    """The address of a file of the run, `figures/samples.png`, below that of the UI."""
    return f"get-artifact?path={quote(path, safe='')}&run_uuid={RUN}"


def run_link() -> str:
    """The address of the run's own page, below that of the UI."""
    return f"#/experiments/{EXPERIMENT}/runs/{RUN}"


def command() -> str:
    """What makes this run again: a sweep's job, DVC, or what was typed."""
    if job := SweepJob.current().command:
        return job
    if "DVC_STAGE" in os.environ:
        experiment = os.environ.get("DVC_EXP_NAME")
        return f"dvc exp apply {experiment} && dvc repro" if experiment else "dvc repro"
    program, *typed = sys.argv
    is_ours = Path(program).name in _PROGRAMS
    return redacted(shlex.join(["snowmelt", *typed])) if is_ours else ""
