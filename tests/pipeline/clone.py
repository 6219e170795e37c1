"""A clone of the project, with a tiny budget, and `dvc repro` in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from tests.project import (
    ROOT,
    TINY,
    clean_environment,
    last_of_each,
    run_command,
    succeed,
)

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
    result = succeed(run_command("dvc", "repro", *targets, cwd=folder))
    return ran(result.stdout)


def ran(output: str) -> set[str]:
    """The stages that DVC says it ran."""
    started = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return {line.split("'")[1] for line in started}
