"""Kills a training at a chosen moment of a chosen step: one rank of it, or all at once.

A training marks each part of a step (`StopPoint`); a hook in its interpreter counts these
marks and sends kill -9 at the chosen one, or some milliseconds after it: in the middle of
a sum, of a state that is saved, of an exchange with another process.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.project import ROOT, clean_environment, last_of_each

# As `sitecustomize`, in front of the package in PYTHONPATH.
HOOK = """
import importlib.util, json, os, sys, threading, time

PLAN = json.loads(os.environ["STEP_KILL"])


def kill():
    time.sleep(PLAN["delay"])
    with open(PLAN["note"], "w") as stream:
        stream.write(str(time.time()))
    os.killpg(0, 9) if PLAN["all"] else os.kill(os.getpid(), 9)


def arm(kind):
    mark, seen = kind._mark, [0]

    def counted(self, trainer, part):
        mark(self, trainer, part)
        seen[0] += 1
        if seen[0] == PLAN["mark"]:
            threading.Thread(target=kill).start() if PLAN["delay"] else kill()

    kind._mark = counted


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "snowmelt.training.stop_point":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            arm(module.StopPoint)

        spec.loader.exec_module = exec_module
        return spec


# Who was killed once lives on when it is started again.
if os.environ.get("RANK", "0") == str(PLAN["rank"]) and not os.path.exists(PLAN["note"]):
    sys.meta_path.insert(0, Finder())
"""
MARKS = 3  # a step, where its batch is not taken in parts


@dataclass(frozen=True)
class StepKill:
    """When to kill whom.

    Args:
        mark: the count of the rank's marks since it was started.
        delay: seconds after that.
        rank: who counts.
        all: kill the whole command, and not that rank alone.
    """

    mark: int
    delay: float = 0.0
    rank: int = 0
    all: bool = True


def seeded_kills(seed: int, count: int, steps: int, ranks: int = 1) -> list[StepKill]:
    """Moments that follow each other: each is counted from where the last one led back."""
    draw = random.Random(seed)
    longest = MARKS * steps // count
    return [
        StepKill(
            draw.randint(1, longest),
            draw.choice((0.0, draw.uniform(0.0, 0.05))),
            rank=draw.randrange(ranks),
        )
        for _ in range(count)
    ]


def environment(folder: Path, kill: StepKill) -> tuple[dict[str, str], Path]:
    """The variables that arm a command, and the note that tells when it was killed."""
    note = folder / f"killed-{time.monotonic_ns()}"
    (folder / "sitecustomize.py").write_text(HOOK)
    path = f"{folder}{os.pathsep}{ROOT / 'src'}"
    plan = vars(kill) | {"note": str(note)}
    return clean_environment({"PYTHONPATH": path, "STEP_KILL": json.dumps(plan)}), note


def killed(
    cwd: Path, folder: Path, kill: StepKill, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run `snowmelt` with a kill on its way; what it said, and whether the moment came."""
    armed, note = environment(folder, kill)
    command = [sys.executable, "-m", "snowmelt", *last_of_each(arguments)]
    result = subprocess.run(
        command,
        cwd=cwd,
        env=armed,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        start_new_session=True,
    )
    return result, note.exists()
