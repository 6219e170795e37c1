"""One job of a sweep, and jobs that differ by nothing but their seed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEEDS = ("seed", "sample.seed")


@dataclass(frozen=True)
class Job:
    """What one job was told to do, and what came of it.

    Attributes:
        name: of its folder or run.
        overrides: what sets it apart, `{"schedule": "linear", "seed": 1}`.
        status: "finished" or "failed".
        error: why it failed; the table shows the first line.
        metrics: of its metrics.json.
        protocol: the digest of the protocol that the metrics were measured under; jobs
            with different digests are never ranked together.
        seconds: how long it took.
        samples: its samples.npy, for the picture.
    """

    name: str
    overrides: Mapping[str, Any]
    status: str = "finished"
    error: str = ""
    metrics: Mapping[str, Any] | None = None
    protocol: str | None = None
    seconds: float | None = None
    samples: Path | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it ended without metrics, whatever it says of itself."""
        return self.status != "finished" or self.metrics is None

    @property
    def reason(self) -> str:
        """The first line of the error."""
        lines = self.error.strip().splitlines()
        if lines:
            return lines[0]
        has_finished = self.status == "finished"
        return "no metrics were written" if has_finished else "no error was given"

    @property
    def told(self) -> str:
        """Its overrides, as they would be typed."""
        return " ".join(f"{k}={v}" for k, v in self.overrides.items()) or self.name

    @property
    def setting(self) -> tuple[tuple[str, str], ...]:
        """The overrides without the seed, as a key."""
        return tuple(
            (key, str(value))
            for key, value in sorted(self.overrides.items())
            if key not in SEEDS
        )


@dataclass(frozen=True)
class Group:
    """Jobs with one setting and different seeds, and the metric that they are ranked by.

    Attributes:
        label: the setting, as short as it can be told apart from the others.
        jobs: all of them, failed ones too.
        values: the metric of each job that finished.
        resampling: the spread of the metric within one job, where one is known.
        rank: 1 and up, equal where nothing tells them apart; None when not ranked.
        verdict: how it stands to the best, in words.
    """

    label: str
    jobs: Sequence[Job]
    values: Sequence[float]
    resampling: float | None = None
    rank: int | None = None
    verdict: str = ""

    @property
    def count(self) -> int:
        """How many seeds finished."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The mean over seeds."""
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
        """The mean time of a finished job."""
        known = [j.seconds for j in self.jobs if not j.has_failed and j.seconds is not None]
        return statistics.fmean(known) if known else None


def labels(jobs: Sequence[Job]) -> dict[tuple[tuple[str, str], ...], str]:
    """A short name for each setting: only the keys that differ, bare if there is one."""
    settings = list(dict.fromkeys(job.setting for job in jobs))
    keys = sorted({key for setting in settings for key, _ in setting})
    differing = [key for key in keys if len({dict(s).get(key) for s in settings}) > 1]
    found = {}
    for setting in settings:
        known = dict(setting)
        if len(differing) == 1:
            name = known.get(differing[0], "default")
        else:
            name = " ".join(f"{key}={known[key]}" for key in differing if key in known)
        found[setting] = name or "default"
    return found
