"""What the jobs of a sweep left behind, as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.common.places import located
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.comparison import Job
from snowmelt.pipeline.kept_pictures import KeptPictures
from snowmelt.pipeline.sweep.planned_jobs import PlannedJobs
from snowmelt.viz.report.report_material import schedule_curve
from snowmelt.viz.sweep_page.sweep_material import Curve, SweptRun, read_losses


def prepared_of(jobs: Sequence[Job], planned: PlannedJobs) -> PreparedData | None:
    """The data of the first job that has samples."""
    for job, config in zip(jobs, planned.configs, strict=True):
        if job.samples is not None:
            return PreparedData.open(planned.root / config.paths.prepared)
    return None


def swept_runs(jobs: Sequence[Job], planned: PlannedJobs) -> list[SweptRun]:
    """The jobs that finished, in their order."""
    return [
        _run(job, config, planned.root)
        for job, config in zip(jobs, planned.configs, strict=True)
        if not job.has_failed
    ]


def _run(job: Job, config: DictConfig, root: Path) -> SweptRun:
    protocol = (job.metrics or {}).get("protocol", {})
    training = str(protocol.get("checkpoint", ""))
    return SweptRun(
        job,
        training,
        # A checkpoint that was named by sample.checkpoint is of another training.
        read_losses(root / config.paths.model, training),
        _schedule(config, root),
        KeptPictures.of(root, training).read() if training else {},
        _samples(job.samples),
    )


def _schedule(config: DictConfig, root: Path) -> tuple[str, Curve, Curve] | None:
    """None where it was learned and the checkpoint is gone."""
    try:
        return schedule_curve(plain(config), located(root, config.sample.checkpoint))
    except (UserError, OSError):
        return None


def _samples(path: Path | None) -> NDArray[Any] | None:
    if path is None or not path.is_file():
        return None
    found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found
