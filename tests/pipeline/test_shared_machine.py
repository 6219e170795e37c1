"""Threads that wait sleep soon, unless the user says otherwise."""

from __future__ import annotations

import os

import pytest

from snowmelt.pipeline.shared_machine import SAID_BY, SPIN, wait_briefly
from tests.project import said_by

# The variables as the command has set them when torch is loaded.
PROGRAM = """
import os, sys
from snowmelt.pipeline import cli
def run(_):
    print(*map(os.environ.get, NAMES), "torch" in sys.modules)
cli._run = run
cli.main(["settings"])
""".replace("NAMES", repr(SAID_BY))


def test_the_command_sets_it_before_torch_is_loaded() -> None:
    assert said_by(PROGRAM, SAID_BY) == f"{SPIN} None None False"


@pytest.mark.parametrize("name", SAID_BY)
def test_the_user_is_not_overruled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in SAID_BY:
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "5")
    wait_briefly()
    assert {one: os.environ.get(one) for one in SAID_BY} == {
        one: "5" if one == name else None for one in SAID_BY
    }
