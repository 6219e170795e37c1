"""`python -m tests.tracking_overhead`: the share of a training that tracking takes.

The whole time of two trainings differs by more than a per cent by itself, so the tracker's
share is measured inside one: seconds in its calls, which the training waits for, and the
processor's seconds of the thread that delivers, which it shares the processor with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.overhead import processor
from tests.project import clean_environment, make_workspace, snowmelt, succeed

PROGRAM = """
import functools, json, os, sys, threading, time
from snowmelt.pipeline import callbacks
from snowmelt.pipeline.cli import main
from snowmelt.tracking import background_upload, tracked_run

spent = {"calls": 0.0, "thread": 0.0, "training": 0.0, "steps": 0}
inside = threading.local()

def timed(owner, name):
    method = getattr(owner, name)
    @functools.wraps(method)
    def call(*given, **named):
        if getattr(inside, "is_on", False) or "begin" not in spent:
            return method(*given, **named)
        inside.is_on, begin = True, time.perf_counter()
        try:
            return method(*given, **named)
        finally:
            inside.is_on = False
            spent["calls"] += time.perf_counter() - begin
    setattr(owner, name, call)

for name in ("log_metrics", "log_picture", "set_tags", "newest"):
    timed(tracked_run.TrackedRun, name)

attempt = background_upload.BackgroundUpload.attempt
def delivered(*given, **named):
    begin = time.thread_time()
    try:
        return attempt(*given, **named)
    finally:
        if "begin" in spent:
            spent["thread"] += time.thread_time() - begin
background_upload.BackgroundUpload.attempt = delivered

log = callbacks.MetricLog
start, end = log.on_train_start, log.on_train_batch_end
def on_train_start(self, *given):
    spent["begin"] = time.perf_counter()
    start(self, *given)
def on_train_batch_end(self, *given):
    end(self, *given)
    spent["steps"] += 1
    spent["training"] = time.perf_counter() - spent["begin"]
log.on_train_start, log.on_train_batch_end = on_train_start, on_train_batch_end

status = main(sys.argv[1:])
print("spent", json.dumps(spent))
sys.exit(status)
"""


@dataclass(frozen=True)
class Share:
    """Seconds of a training, and of them those of the tracker."""

    training: float
    calls: float
    thread: float
    steps: int

    @property
    def percent(self) -> float:
        return 100 * (self.calls + self.thread) / self.training

    def __str__(self) -> str:
        each = 1000 / self.steps
        return (
            f"{self.steps} steps of {self.training * each:.1f} ms; of each the tracker's"
            f" calls take {self.calls * each:.3f} ms and its thread"
            f" {self.thread * each:.3f} ms: {self.percent:.2f} %"
        )


def measured(folder: Path, *arguments: str, uri: str = "") -> Share:
    """Train in a workspace with prepared data; the share of the tracker."""
    environment = clean_environment({"MLFLOW_TRACKING_URI": uri} if uri else {})
    environment["OMP_NUM_THREADS"] = str(os.cpu_count() or 1)
    command = [sys.executable, "-c", PROGRAM, "train", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [text for text in done.stdout.splitlines() if text.startswith("spent ")]
    spent = json.loads(line.removeprefix("spent "))
    names = ("training", "calls", "thread", "steps")
    return Share(**{name: spent[name] for name in names})


def main(arguments: Sequence[str] | None = None) -> None:
    from tests.tracking.real_server import Server

    parser = argparse.ArgumentParser(prog="python -m tests.tracking_overhead")
    parser.add_argument("--steps", type=int, default=300)
    steps = f"training.steps={parser.parse_args(arguments).steps}"
    print(f"{processor()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place:
        folder = make_workspace(Path(place) / "project")
        succeed(snowmelt("prepare", cwd=folder))
        # Another seed each: a training that is done already is not repeated.
        print(f"a new database: {measured(folder, steps, 'seed=0')}", flush=True)
        print(f"a database: {measured(folder, steps, 'seed=1')}", flush=True)
        server = Server(folder)
        server.start()
        try:
            share = measured(folder, steps, "seed=2", uri=server.uri)
            print(f"a server: {share}", flush=True)
        finally:
            server.kill()
        print(f"a dead server: {measured(folder, steps, 'seed=3', uri=server.uri)}")


if __name__ == "__main__":
    main()
