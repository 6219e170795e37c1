"""Contestants that take turns, and what their times say.

Each waits in a process of its own and is asked round by round, in one order and then in the
other: a machine that slows down or is disturbed for a while does so to all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

ROOT = Path(__file__).parents[2]
QUIET = {"KINETO_LOG_LEVEL": "5"}  # the profiler looks for a GPU, and says so


def environment_of_a_worker() -> dict[str, str]:
    """The variables with which either Python finds the benchmarks and the project."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return dict(os.environ) | QUIET | {"PYTHONPATH": path}


@dataclass(frozen=True)
class Contestant:
    """What is timed: a network, how it computes, and by which Python.

    Attributes:
        kind: train, sample or peak.
        environment: variables beside those of this process.
    """

    name: str
    how: str
    python: Path
    kind: str = "train"
    batch: int = 64
    environment: tuple[tuple[str, str], ...] = ()


class Worker:
    """The process of a contestant."""

    def __init__(self, contestant: Contestant, ours: Mapping[str, Any]) -> None:
        asked = {
            "kind": contestant.kind,
            "name": contestant.name,
            "how": contestant.how,
            "batch": contestant.batch,
            "ours": dict(ours),
        }
        self.contestant = contestant
        self.process = subprocess.Popen(
            [contestant.python, "-m", "tests.benchmarks.worker", json.dumps(asked)],
            env=environment_of_a_worker() | dict(contestant.environment),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about: dict[str, Any] = {}

    def ready(self) -> None:
        """Wait for its first step, and hear what the contestant is."""
        self.about = self._answer()

    def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):  # a library's own word on its output
                content = json.loads(line)
                if isinstance(content, dict):
                    return content
        raise RuntimeError(f"{self.contestant} ended with {self.process.wait()}")

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def started(
    contestants: Sequence[Contestant], ours: Mapping[str, Any]
) -> Iterator[list[Worker]]:
    """Their processes, ready to be asked."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(one, ours)) for one in contestants]
        for worker in tqdm(workers, desc="first steps", unit="contestant", leave=False):
            worker.ready()
        yield workers


def in_turn(
    workers: Sequence[Worker], rounds: int, seconds: float, desc: str = "turns"
) -> list[list[float]]:
    """The seconds of a step of each worker, in each of the rounds, under a bar."""
    found: list[list[float]] = [[] for _ in workers]
    there, back = range(len(workers)), range(len(workers))[::-1]
    turns = [place for number in range(rounds) for place in (back if number % 2 else there)]
    with tqdm(turns, desc=desc, unit="turn") as bar:
        for place in bar:
            asked = workers[place].contestant
            bar.set_postfix_str(f"{asked.name} {asked.how}".strip())
            found[place].append(workers[place].ask(str(seconds))["seconds"])
    return found


def rate(seconds: Sequence[float], count: int) -> dict[str, float]:
    """How many of `count` a step there are in a second: the median and the quartiles."""
    rates = sorted(count / one for one in seconds)
    if len(rates) == 1:
        return {"median": rates[0], "low": rates[0], "high": rates[0]}
    low, middle, high = statistics.quantiles(rates, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """How many times as fast the first are: the median and quartiles of the rounds."""
    return rate([mine / other for mine, other in zip(ours, theirs, strict=True)], 1)
