"""Threads that wait sleep soon, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from snowmelt.pipeline.shared_machine import SAID_BY, SPIN, wait_briefly

# The variables as the command has set them when torch is loaded.
PROGRAM = """
import os, sys
from snowmelt.pipeline import cli
def run(_):
    print(*map(os.environ.get, NAMES), "torch" in sys.modules)
cli._run = run
cli.main(["settings"])
""".replace("NAMES", repr(SAID_BY))


def said(**given: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in SAID_BY}
    run = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(run, env=kept | given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_command_sets_it_before_torch_is_loaded() -> None:
    assert said() == f"{SPIN} None None False"


@pytest.mark.parametrize("name", SAID_BY)
def test_the_user_is_not_overruled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in SAID_BY:
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "5")
    wait_briefly()
    assert {one: os.environ.get(one) for one in SAID_BY} == {
        one: "5" if one == name else None for one in SAID_BY
    }
