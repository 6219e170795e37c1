"""The speed of `snowmelt train`, tracking and pictures included."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.networks import SHAPE
from tests.benchmarks.rounds import ROOT

EXAMPLES = 2000


class TrainCommand:
    """A project in a folder, with noise for images: what they show decides no speed.

    Args:
        folder: is filled; empty before.
        ours: the network, as a configuration names it.
        batch: examples a step.
    """

    def __init__(self, folder: Path, ours: Mapping[str, Any], batch: int) -> None:
        self.folder, self.store = folder, folder / "mlflow.db"
        shutil.copytree(ROOT / "conf", folder / "conf")
        shutil.copy(ROOT / "params.yaml", folder)
        images = np.random.default_rng(0).integers(0, 256, (EXAMPLES, *SHAPE[1:]), np.uint8)
        np.save(folder / "images.npy", images)
        net = json.dumps(dict(ours))
        (folder / "conf" / "net" / "benchmark.yaml").write_text(net, encoding="utf-8")
        self.chosen = [
            *("data=array", f"data.path={folder / 'images.npy'}", "features=random_conv"),
            *("net=benchmark", f"training.batch_size={batch}"),
        ]
        self._run("prepare", [])

    def seconds_a_step(self, steps: int, overrides: Sequence[str] = ()) -> float:
        """The seconds of a step, from a tenth of the training to nearly its end.

        The last step is left out: the loss on held-out data that comes with it belongs to
        as many steps as there are between two pictures.

        Args:
            steps: of the training.
            overrides: of the configuration, beside network, data and batch.
        """
        every = max(steps // 20, 1)
        asked = [f"training.steps={steps}", f"training.log_every={every}", *overrides]
        self._run("train", asked)
        _, (first, since), *_, (last, until), _ = self._logged()
        for made in (".snowmelt", "outputs"):
            shutil.rmtree(self.folder / made)
        self.store.unlink()
        return (until - since) / 1000 / (last - first)

    def _logged(self) -> list[tuple[int, int]]:
        """Step and milliseconds of every logged loss, as the tracker has them."""
        asked = "SELECT step, timestamp FROM metrics WHERE key = 'train/loss' ORDER BY step"
        with contextlib.closing(sqlite3.connect(self.store)) as store:
            return store.execute(asked).fetchall()

    def _run(self, command: str, overrides: Sequence[str]) -> None:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "src"),
            "PROJECT_ROOT": str(self.folder),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.store}",
        }
        done = subprocess.run(
            [sys.executable, "-m", "snowmelt", command, *self.chosen, *overrides],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"snowmelt {command}: {done.stderr[-2000:]}")
