"""The speed of `snowmelt train`, tracking and pictures included."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.networks import SHAPE
from tests.benchmarks.project import Project

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
        self.project.run("train", asked)
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
