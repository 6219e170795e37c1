"""Experiments in DVC's queue, each named by what it changes.

DVC names an experiment by chance (`brave-otter`) or by `-n`, which numbers those of a sweep
(`mine-1`, `mine-2`), and has no rule that could be given to it. So every combination of
values is queued here by itself, with a name of its own; DVC runs and shows them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import sweep_jobs, typed_places
from snowmelt.pipeline.config.overrides import PARAMS, groups, quoted
from snowmelt.pipeline.sweep.planned_jobs import pairs

# What is of a sweep of this program, or would lead out of the places that DVC keeps.
_REFUSED = ("paths.", "out=", "multirun.", "sweep=")


def run(overrides: Sequence[str], root: Path) -> int:
    """Queue an experiment for each combination of values; nothing is run yet.

    Raises:
        UserError: a value is wrong, the parts of an experiment do not go together, there is
            one of its name already, or DVC refuses it.
    """
    _check(overrides, root)
    named = _named(overrides, root)
    sweep_jobs.composed(root, named)
    if there := sorted(_known(root) & named.keys()):
        raise UserError(
            f"there is an experiment {there[0]} of this commit already: commit, or remove"
            f" it (`dvc exp remove {there[0]}`)"
        )
    for name, job in named.items():
        told = [part for text in as_params(job, root) for part in ("--set-param", text)]
        _dvc(root, "exp", "run", "--queue", "--name", name, *told)
        print(name)
    count = "1 experiment waits" if len(named) == 1 else f"{len(named)} experiments wait"
    print(
        f"queue: {count}: `dvc queue start -j 2` runs them, two at a time; `dvc queue"
        " status` and `dvc queue logs NAME` show how far, `make experiments` the results"
    )
    return 0


def _check(overrides: Sequence[str], root: Path) -> None:
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root} is no project of DVC: there is no .dvc in it")
    if not overrides:
        raise UserError("say what to change: `snowmelt queue schedule=linear,cosine`")
    for text in overrides:
        if text.startswith(_REFUSED):
            raise UserError(f"{text}: not for DVC's experiments: leave it out")


def _named(overrides: Sequence[str], root: Path) -> dict[str, list[str]]:
    """The overrides of each experiment, by its name."""
    named: dict[str, list[str]] = {}
    for job in sweep_jobs.jobs(root, overrides).values():
        name = name_of(job, groups(root))
        if name in named:
            raise UserError(f"two experiments would be called {name}: queue them by turns")
        named[name] = typed_places.from_here(root, job, Path.cwd())
    return named


def _known(root: Path) -> set[str]:
    """The experiments of this commit, and those that wait for their turn or have it."""
    status = _dvc(root, "queue", "status").splitlines()
    waiting = {line.split()[1] for line in status if line.endswith(("Queued", "Running"))}
    return waiting | set(_dvc(root, "exp", "list", "--name-only").split())


def name_of(job: Sequence[str], known: Mapping[str, list[str]]) -> str:
    """The name of an experiment: `linear-seed-1`, `training.steps-600`.

    Of groups the file alone stands there, as in the names of a sweep's jobs.
    """
    parts = [v if k in known else f"{k}-{v}" for k, v in pairs(job).items()]
    return re.sub(r"[^A-Za-z0-9.+_]+", "-", "-".join(parts)).strip("-.")


def as_params(job: Sequence[str], root: Path) -> list[str]:
    """What is changed in params.yaml: its keys, and its list `overrides` for all others."""
    params = yaml.safe_load((root / PARAMS).read_text(encoding="utf-8")) or {}
    told = pairs(job)
    own = [f"{key}={value}" for key, value in told.items() if key in params]
    rest = {key: value for key, value in told.items() if key not in params}
    if not rest:
        return own
    listed = pairs(params.get("overrides") or []) | rest
    return [*own, f"overrides={quoted([f'{k}={v}' for k, v in listed.items()])}"]


def _dvc(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        first = next((line for line in said if line.startswith("ERROR")), "")
        last = said[-1] if said else f"status {done.returncode}"
        raise UserError(f"dvc {' '.join(arguments[:2])}: {first or last}")
    return done.stdout
