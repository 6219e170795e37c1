"""How tests run the program as a user does, and small workspaces to run it in."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from snowmelt.pipeline.cli import main

ROOT = Path(__file__).parents[1]
TIED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MLFLOW_", "PROJECT_ROOT", "DVC_", "SNOWMELT_")
TINY = (
    "net.widths=[8,16]",
    "net.blocks=1",
    "net.embedding=16",
    "training.steps=40",
    "training.batch_size=32",
    "training.warmup_steps=5",
    "training.log_every=5",
    "training.picture_every=20",
    "training.checkpoint_every=10",
    "sampler.steps=4",
    "sample.num_samples=96",
    "sample.batch_size=48",
    "features=random_conv",
    "features.independent_classifier=null",
    "likelihood.examples=32",
    "likelihood.ode_examples=8",
)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a user who has activated .venv and set nothing else."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(TIED)}
    kept.pop("PYTHONPATH", None)
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    kept |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    return kept | dict(extra or {})


def run_command(
    *command: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would; the caller looks at its status."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def snowmelt(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `snowmelt` with the sources of this tree; the last value of a key counts."""
    return run_command(sys.executable, "-m", "snowmelt", *last_of_each(arguments), cwd=cwd)


def started(
    *arguments: str, cwd: Path, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start `snowmelt`, in a session of its own, to be stopped or killed on its way."""
    return subprocess.Popen(
        [sys.executable, "-m", "snowmelt", *arguments],
        cwd=cwd,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def said_by(program: str, without: Iterable[str], **given: str) -> str:
    """What a program in Python prints, without some variables of the environment."""
    kept = {name: value for name, value in os.environ.items() if name not in set(without)}
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env=kept | given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def in_process(*arguments: str, cwd: Path, status: int = 0) -> str:
    """Run `snowmelt` as `snowmelt` above does, but here; what it printed.

    A process of its own imports for seconds, so it is started only where it matters.

    Args:
        status: with which it has to end.
    """
    said = io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(said),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.delenv("PROJECT_ROOT", raising=False)
        assert main(last_of_each(arguments)) == status, said.getvalue()
    return said.getvalue()


def last_of_each(arguments: Iterable[str]) -> list[str]:
    """Arguments in which no key stands twice, which the program refuses."""
    named = {text.partition("=")[0]: text for text in arguments if "=" in text}
    kept = [text for text in arguments if "=" not in text]
    return [*kept, *named.values()]


def succeed(result: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """The result, if the command succeeded; else all that it said."""
    assert result.returncode == 0, f"{result.args}\n{result.stdout}\n{result.stderr}"
    return result


def pictures_among_data(folder: Path) -> list[str]:
    """Pictures and pages where a project holds data only."""
    shown = {".png", ".gif", ".jpg", ".svg", ".html"}
    data = [*(folder / "outputs").rglob("*"), *(folder / "data/prepared").rglob("*")]
    assert data, "there is some"
    return sorted(str(path) for path in data if path.suffix in shown)


def make_workspace(folder: Path) -> Path:
    """A project with this tree's conf/ and a params.yaml that is this tree's.

    One that is there already gets these anew and keeps the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "conf", folder / "conf", dirs_exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / "data" / "raw").mkdir(parents=True, exist_ok=True)
    return folder
