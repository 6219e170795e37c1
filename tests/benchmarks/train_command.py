"""The speed of `snowmelt train`, tracking and pictures included."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.networks import SHAPE
from tests.benchmarks.project import Project
from tests.benchmarks.rounds import Worker

EXAMPLES = 2000


@dataclass(frozen=True)
class Halt:
    """When a command was halted, and what the bare step did meanwhile.

    Attributes:
        since: seconds of the system's clock.
        bare: the answer of its worker, the seconds of a step and how many it took.
    """

    since: float
    until: float
    bare: Mapping[str, float]


class TrainCommand:
    """A project in a folder, with noise for images: what they show decides no speed.

    Args:
        folder: is filled; empty before.
        ours: the network, as a configuration names it.
        batch: examples a step.
    """

    def __init__(self, folder: Path, ours: Mapping[str, Any], batch: int) -> None:
        self.folder, self.store = folder, folder / "mlflow.db"
        chosen = [
            *("data=array", f"data.path={folder / 'images.npy'}", "features=random_conv"),
            *("net=benchmark", f"training.batch_size={batch}"),
        ]
        self.project = Project(folder, chosen, is_quiet=True)
        images = np.random.default_rng(0).integers(0, 256, (EXAMPLES, *SHAPE[1:]), np.uint8)
        np.save(folder / "images.npy", images)
        net = json.dumps(dict(ours))
        (folder / "conf" / "net" / "benchmark.yaml").write_text(net, encoding="utf-8")
        self.project.run("prepare")

    def share_of(
        self, bare: Worker, steps: int, seconds: float, overrides: Sequence[str] = ()
    ) -> float:
        """The rate of the command as a share of that of bare steps, taken in turns.

        The command is halted every few seconds while the bare step has half as long, so
        that a machine that slows down does so to both. Of the training counts what lies
        between a tenth of it and nearly its end: the last step is left out, as the loss on
        held-out data that comes with it belongs to as many steps as there are between two
        pictures.

        Args:
            bare: takes the steps without a command around them.
            steps: of the training.
            seconds: that the command has between two halts.
            overrides: of the configuration, beside network, data and batch.

        Raises:
            RuntimeError: the command failed.
        """
        every = max(steps // 20, 1)
        asked = [f"training.steps={steps}", f"training.log_every={every}", *overrides]
        halts = self._halted(self.project.started("train", asked), bare, seconds)
        _, (first, since), *_, (last, until), _ = self._logged()
        for made in (".snowmelt", "outputs"):
            shutil.rmtree(self.folder / made)
        self.store.unlink()
        within = [halt for halt in halts if since / 1000 < halt.since < until / 1000]
        active = (until - since) / 1000 - sum(halt.until - halt.since for halt in within)
        counted = within or halts  # a training may be too short for one
        steps_taken = sum(halt.bare["steps"] for halt in counted)
        taken = sum(halt.bare["seconds"] * halt.bare["steps"] for halt in counted)
        return (taken / steps_taken) / (active / (last - first))

    def _halted(
        self, process: subprocess.Popen[str], bare: Worker, seconds: float
    ) -> list[Halt]:
        """Take turns with a command until it has ended."""
        halts = []
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
                    break
                os.killpg(process.pid, signal.SIGSTOP)
                since = time.time()
                told = bare.ask(str(seconds / 2))
                halts.append(Halt(since, time.time(), told))
                os.killpg(process.pid, signal.SIGCONT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        if process.wait():
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        return halts

    def _logged(self) -> list[tuple[int, int]]:
        """Step and milliseconds of every logged loss, as the tracker has them."""
        asked = "SELECT step, timestamp FROM metrics WHERE key = 'train/loss' ORDER BY step"
        with contextlib.closing(sqlite3.connect(self.store)) as store:
            return store.execute(asked).fetchall()
