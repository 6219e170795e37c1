"""A project in a folder of its own, in which our commands run as anybody's do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.rounds import ROOT

DATA = ("data=fashion_mnist", "data.pad_to=32", "features=classifier")


class Project:
    """A project with Fashion-MNIST at 32x32, prepared once.

    Args:
        folder: made if it is not there.
        data: overrides that choose data and features.
    """

    def __init__(self, folder: Path, data: Sequence[str] = DATA) -> None:
        self.folder, self.data = folder, tuple(data)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / "conf", folder / "conf", dirs_exist_ok=True)
        shutil.copy(ROOT / "params.yaml", folder)
        if not (folder / "outputs" / "reference" / "reference.json").is_file():
            self.run("prepare", [])
            self.run("reference", [])

    def learned(
        self, name: str, samples: int, overrides: Sequence[str], threads: int | None = None
    ) -> dict[str, Any]:
        """Train and sample; what is told of it, with the samples beside it.

        Args:
            name: of the folder under `runs`, which is made.
            overrides: of the configuration, beside those of the data.
            threads: of each command; None for as many as torch takes.
        """
        target = self.folder / "runs" / name
        shutil.rmtree(target, ignore_errors=True)
        chosen = [f"paths.model={target / 'model'}", f"paths.samples={target / 'samples'}"]
        chosen += [f"sample.num_samples={samples}", *overrides]
        self.run("train", chosen, threads)
        since = time.perf_counter()
        self.run("sample", chosen, threads)
        seconds = time.perf_counter() - since
        model = json.loads((target / "model" / "model.json").read_text(encoding="utf-8"))
        drawn = json.loads((target / "samples" / "samples.json").read_text("utf-8"))
        return {"model": model, "samples": drawn, "sampling_seconds": seconds}

    def samples(self, name: str) -> np.ndarray:
        return np.load(self.folder / "runs" / name / "samples" / "samples.npy")

    def run(
        self, command: str, overrides: Sequence[str], threads: int | None = None
    ) -> None:
        """Run a command of ours; its bars stay to be seen."""
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "src"),
            "PROJECT_ROOT": str(self.folder),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
        }
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        subprocess.run(
            [sys.executable, "-m", "snowmelt", command, *self.data, *overrides],
            env=environment,
            cwd=self.folder,
            check=True,
        )
