"""The material of the page of a sweep: its comparison, and what each job left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snowmelt.common.csv_table import read_csv
from snowmelt.common.errors import UserError
from snowmelt.common.records import read_record
from snowmelt.evaluation.comparison import Comparison, Job, SamplingCost
from snowmelt.training.model_record import RECORD
from snowmelt.viz.sweep_page.moment import Moment

Array = NDArray[Any]
Curve = NDArray[np.float64]


@dataclass(frozen=True)
class SweptRun:
    """A job that finished, with what its stages left behind.

    Attributes:
        job: what set it apart, and what was measured.
        training: the identity of its training, which several jobs may share.
        losses: the columns of losses.csv.
        schedule: name, times and log-SNR of its schedule, as it was learned where it was.
        moments: samples of the averaged weights during the training, from the same noise
            in every training.
        samples: the samples that were measured, images (N, C, H, W) or points (N, D).
    """

    job: Job
    training: str = ""
    losses: Mapping[str, Curve] = field(default_factory=dict)
    schedule: tuple[str, Curve, Curve] | None = None
    moments: Mapping[Moment, Array] = field(default_factory=dict)
    samples: Array | None = None


@dataclass(frozen=True)
class SweepMaterial:
    """Everything that the page shows.

    Attributes:
        name: of the sweep.
        data: the name of the data.
        command: what runs the sweep again.
        swept: the keys that the jobs differ in, in the order that they were typed.
        comparison: the settings, best first where they are ranked.
        costs: quality against cost, for samplers of one model.
        runs: the jobs that finished.
        value_range: of stored images; None for points.
        real: training examples, in random order; None where they are gone.
    """

    name: str
    data: str
    command: str
    swept: Sequence[str]
    comparison: Comparison
    costs: Sequence[SamplingCost] = ()
    runs: Sequence[SweptRun] = ()
    value_range: tuple[int, int] | None = None
    real: Array | None = None


def read_losses(model: Path, training: str) -> dict[str, Curve]:
    """The losses of a training, if its folder is there and of this training."""
    with contextlib.suppress(UserError, OSError, LookupError):
        if read_record(model / RECORD, made_by="train")["identity"] == training:
            return read_csv(model / "losses.csv", ("step",), made_by="train")
    return {}
