"""One job of a sweep, and jobs that differ by nothing but their seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

SEED = "seed"  # of a training, and of its samples unless these have their own
SEEDS = (SEED, "sample.seed")


@dataclass(frozen=True)
class Job:
    """The overrides of one job, and what came of it.

    Attributes:
        name: of its folder or run.
        overrides: what sets it apart, `{"schedule": "linear", "seed": 1}`.
        status: "finished" or "failed".
        error: why it failed; the table shows the first line.
        metrics: of its metrics.json.
        protocol: the digest of the protocol that the metrics were measured under; jobs
            with different digests are never ranked together.
        samples: its samples.npy, for the picture.
        sampling_seconds: how long drawing its samples took, where that is known.
    """

    name: str
    overrides: Mapping[str, Any]
    status: str = "finished"
    error: str = ""
    metrics: Mapping[str, Any] | None = None
    protocol: str | None = None
    seconds: float | None = None
    samples: Path | None = None
    sampling_seconds: float | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it ended without metrics, whatever its status."""
        return self.status != "finished" or self.metrics is None

    @property
    def reason(self) -> str:
        lines = self.error.strip().splitlines()
        if lines:
            return lines[0]
        has_finished = self.status == "finished"
        return "no metrics were written" if has_finished else "no error was given"

    @property
    def failure(self) -> str:
        """Its overrides, as they would be typed, and the first line of the error."""
        typed = " ".join(f"{key}={value}" for key, value in self.overrides.items())
        return f"{typed or self.name}: {self.reason}"

    @property
    def seed(self) -> str:
        """Of the training; jobs that do not name one have the same."""
        return str(self.overrides.get(SEED, "default"))

    @property
    def setting(self) -> dict[str, str]:
        return {k: str(v) for k, v in sorted(self.overrides.items()) if k not in SEEDS}


@dataclass(frozen=True)
class Group:
    """Jobs with one setting and different seeds, and the metric that they are ranked by.

    A seed of the sampling is none of the training: values of one training seed count as
    one, their mean.

    Attributes:
        label: the setting, as short as it can be distinguished from the others.
        jobs: all of them, failed ones too.
        by_seed: the metric by the seed of the training.
        resampling: the spread of the metric within one job, where one is known.
        freedom: the degrees of freedom of that, infinite unless it is of a few sets.
        rank: 1 and up, equal for settings that are not told apart; None when not ranked.
        verdict: how it compares with the best, in words.
    """

    label: str
    jobs: Sequence[Job]
    by_seed: Mapping[str, float]
    resampling: float | None = None
    freedom: float = math.inf
    rank: int | None = None
    verdict: str = ""

    @property
    def values(self) -> list[float]:
        """One for each seed of the training."""
        return list(self.by_seed.values())

    @property
    def count(self) -> int:
        return len(self.by_seed)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def over_seeds(self) -> float | None:
        """The standard deviation over seeds; None with fewer than two."""
        return statistics.stdev(self.values) if self.count >= 2 else None

    @property
    def spread(self) -> float | None:
        """The error bar: over seeds if there are several, else within the one job."""
        return self.over_seeds if self.count >= 2 else self.resampling

    @property
    def seconds(self) -> float | None:
        return mean_known([job.seconds for job in self.jobs if not job.has_failed])

    def mean_of(self, key: str) -> float | None:
        """The mean of another metric over the finished jobs, where all have it."""
        found = [(job.metrics or {}).get(key) for job in self.jobs if not job.has_failed]
        is_known = all(isinstance(value, int | float) for value in found)
        return mean_known(found) if is_known else None


def mean_known(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are known, if any is."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def labels(jobs: Sequence[Job]) -> tuple[str, list[str]]:
    """What differs between the settings of jobs, and a short name of each job's.

    Returns:
        The one override that differs, or "setting"; and for each job its value, or all
        overrides that differ.
    """
    settings = pd.DataFrame([job.setting for job in jobs], index=range(len(jobs)))
    differing = settings.loc[:, settings.nunique(dropna=False) > 1].sort_index(axis=1)
    if differing.shape[1] == 1:
        key = str(differing.columns[0])
        return key, differing[key].fillna("default").tolist()
    names = [
        " ".join(f"{key}={value}" for key, value in row.dropna().items()) or "default"
        for _, row in differing.iterrows()
    ]
    return "setting", names
