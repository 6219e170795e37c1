"""`make sweep` runs the schedules, and what ARGS says goes before."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.project import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make")


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ("", "snowmelt pipeline sweep=schedules"),
        ("seed=0,1", "snowmelt pipeline sweep=schedules seed=0,1"),
        ("seed=0 sweep=budgets", "snowmelt pipeline seed=0 sweep=budgets"),
    ],
)
def test_what_is_run(given: str, typed: str) -> None:
    command = ["make", "--no-print-directory", "--dry-run", "sweep", f"ARGS={given}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == typed.split()
