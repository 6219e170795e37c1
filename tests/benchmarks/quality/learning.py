"""Our trainings on Fashion-MNIST, in a project that is prepared once."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.project import Project

DATA = ("data=fashion_mnist", "data.pad_to=32", "features=classifier")


class Learning:
    """Trains and samples in a project whose data and reference are there.

    Args:
        folder: of the project.
        data: overrides that choose data and features.
    """

    def __init__(self, folder: Path, data: Sequence[str] = DATA) -> None:
        self.project = Project(folder, data)
        self.folder = folder
        if not (folder / "outputs" / "reference" / "reference.json").is_file():
            self.project.run("prepare")
            self.project.run("reference")

    def learned(
        self, name: str, samples: int, overrides: Sequence[str], threads: int | None = None
    ) -> dict[str, Any]:
        """Train and sample; what is told of it, with the samples beside it.

        Args:
            name: of the folder under `runs`, which is made.
            overrides: of the configuration, beside those of the data.
            threads: see `Project.run`.
        """
        target = self.folder / "runs" / name
        shutil.rmtree(target, ignore_errors=True)
        self.project.run("train", [f"paths.model={target / 'model'}", *overrides], threads)
        return self.drawn(name, samples, overrides, threads, of=name)

    def drawn(
        self,
        name: str,
        samples: int,
        overrides: Sequence[str],
        threads: int | None = None,
        *,
        of: str,
    ) -> dict[str, Any]:
        """Sample a model that was trained under the name `of`; see `learned`."""
        model, target = (self.folder / "runs" / one for one in (of, name))
        chosen = [f"paths.model={model / 'model'}", f"paths.samples={target / 'samples'}"]
        chosen += [f"sample.num_samples={samples}", *overrides]
        since = time.perf_counter()
        self.project.run("sample", chosen, threads)
        seconds = time.perf_counter() - since
        trained = json.loads((model / "model" / "model.json").read_text(encoding="utf-8"))
        drawn = json.loads((target / "samples" / "samples.json").read_text("utf-8"))
        return {"model": trained, "samples": drawn, "sampling_seconds": seconds}

    def samples(self, name: str) -> np.ndarray:
        """The samples that were drawn under a name, as the data is stored."""
        return np.load(self.folder / "runs" / name / "samples" / "samples.npy")
