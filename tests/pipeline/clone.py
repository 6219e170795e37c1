"""A clone of the project, with a tiny budget, and `dvc repro` in it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from dvc import cli
from dvc.stage import run
from dvc.stage.exceptions import StageCmdFailedError

from snowmelt.common import stopping
from snowmelt.common.threads import single_thread
from snowmelt.pipeline.cli import main
from tests.project import ROOT, TINY, clean_environment, last_of_each

STAGE = "PYTHONPATH=src python -m snowmelt "  # begins the commands of dvc.yaml
AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")


def make_clone(folder: Path, *overrides: str) -> Path:
    """A git repository with the working tree's files, as `git clone` would give them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if name == "dvc.lock" or not (ROOT / name).is_file():
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    _bring_compiled(folder)
    set_params(folder, **as_params(folder, *TINY, *overrides))
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "-A"],
        [
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "commit",
            "-qm",
            "x",
        ],
    ):
        subprocess.run(command, cwd=folder, check=True, env=clean_environment())
    return folder


def _bring_compiled(folder: Path) -> None:
    """What Python has compiled of the sources here, which git does not keep: seconds."""
    for compiled in (ROOT / "src").rglob("__pycache__"):
        target = folder / compiled.relative_to(ROOT)
        if target.parent.is_dir():
            shutil.copytree(compiled, target, dirs_exist_ok=True)


def as_params(folder: Path, *overrides: str) -> dict[str, object]:
    """What overrides say, as params.yaml has it: its own keys are changed in place."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    told = [text.split("=", 1) for text in last_of_each(overrides)]
    known = {key: yaml.safe_load(value) for key, value in told if key in params}
    rest = [f"{key}={value}" for key, value in told if key not in params]
    return {**known, "overrides": rest}


def set_params(folder: Path, **values: object) -> None:
    """Edit params.yaml as a person would."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(params | values))


def repro(folder: Path, *targets: str) -> set[str]:
    """Run `dvc repro`; which stages ran."""
    return ran(dvc("repro", *targets, cwd=folder))


def repro_here(folder: Path, *targets: str) -> set[str]:
    """The same with the stages in this process, by the sources of this tree.

    Each spares the seconds that its imports take. That processes of their own come to the
    same bytes is seen in `test_kills.py`.
    """
    with mock.patch.object(run, "_run", _stage_here):
        return repro(folder, *targets)


def _stage_here(_: str, command: str, *, cwd: str, env: dict[str, str], **__: Any) -> None:
    """What DVC does with a shell."""
    assert command.startswith(STAGE), command
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(stopping, "STARTERS", ()),  # this process does not end with DVC
        single_thread(),  # as the stages' processes have
    ):
        if code := main(shlex.split(command.removeprefix(STAGE))):
            raise StageCmdFailedError(command, code)


def dvc(*arguments: str, cwd: Path) -> str:
    """Run a command of DVC that must succeed; what it printed.

    It runs in this process, which spares its imports. The stages that it starts have
    processes of their own, and what they print is not returned.
    Nor is what DVC writes as JSON: for that it takes the standard output of the first time.
    """
    said = io.StringIO()
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, clean_environment(), clear=True),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        _logged_to(said),
    ):
        status = cli.main(list(arguments))
    assert status == 0, said.getvalue()
    return said.getvalue()


@contextlib.contextmanager
def _logged_to(stream: io.StringIO) -> Iterator[None]:
    """DVC's log, which goes to what was standard output when it was imported."""
    handlers = logging.getLogger("dvc").handlers
    before = [(handler, handler.setStream(stream)) for handler in handlers]
    try:
        yield
    finally:
        for handler, old in before:
            handler.setStream(old)


def ran(output: str) -> set[str]:
    """The stages that DVC says it ran."""
    started = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return {line.split("'")[1] for line in started}
