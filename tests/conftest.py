"""What several test modules share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snowmelt.common import stopping
from snowmelt.pipeline.cli import main
from snowmelt.tracking.opening import MLFLOW_ENVIRONMENT
from tests import equal_conf
from tests.project import last_of_each, make_workspace

Mistake = Callable[..., str]
os.environ.update(MLFLOW_ENVIRONMENT)  # before the first import of mlflow, which reads it

# Under nohup, and in the background of a script, these are ignored, and so they would be in
# every command that a test starts.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def equal_conf_is_composed_once() -> Iterator[None]:
    """Most tests have a copy of conf/, and most copies hold the same."""
    with pytest.MonkeyPatch.context() as patch:
        equal_conf.share(patch)
        yield


@pytest.fixture(autouse=True)
def nobody_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to stop ends a process, and is remembered; here it ends with its test."""
    monkeypatch.setattr(stopping._Request, "since", None)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty project to run single commands in."""
    return make_workspace(tmp_path / "project")


@pytest.fixture
def mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mistake:
    """Runs a command that must fail, in this process; gives the one line that it said."""

    def run(*arguments: str, cwd: Path) -> str:
        monkeypatch.chdir(cwd)
        monkeypatch.delenv("PROJECT_ROOT", raising=False)
        assert main(last_of_each(arguments)) == 2
        said = capsys.readouterr().err
        lines = [line for line in said.splitlines() if ": error: " in line]
        assert len(lines) == 1, said
        return lines[0]

    return run
