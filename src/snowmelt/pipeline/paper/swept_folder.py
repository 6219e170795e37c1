"""The jobs of a sweep that has run, from the folder that holds its comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json
from snowmelt.evaluation.comparison import Job
from snowmelt.evaluation.comparison.compared_jobs import SEEDS
from snowmelt.evaluation.protocol import protocol_digest
from snowmelt.pipeline.comparing.run_places import Places, measured
from snowmelt.pipeline.stages.sample import times_of

COMPARISON, SAMPLERS = "comparison.json", "samplers.json"
_BELOW = Path("reports/sweep")  # the folder that a sweep was given by `out=`
_JOBS = Path("../../multirun/jobs")  # where it does not say where its jobs are
_MADE_BY = "pipeline --multirun"


@dataclass(frozen=True)
class SweptFolder:
    """The folder of a comparison of jobs.

    Attributes:
        folder: that holds comparison.json.
    """

    folder: Path

    @classmethod
    def of(cls, named: Path) -> Self | None:
        """A folder that is one, or that a sweep wrote into; else None."""
        for folder in (named, named / _BELOW):
            if (folder / COMPARISON).is_file():
                found = cls(folder)
                return found if "groups" in found._said else None
        return None

    @cached_property
    def _said(self) -> dict[str, Any]:
        return read_json(self.folder / COMPARISON, made_by=_MADE_BY)

    @cached_property
    def _places(self) -> list[Path]:
        """The folders of the jobs, in the order of the sweep."""
        if told := self._said.get("jobs"):
            return [self.folder / place for place in told]
        names = [name for group in self._said["groups"] for name in group["jobs"]]
        names += [one["name"] for one in self._said["failed"]]
        return [self.folder / _JOBS / name for name in names]

    @property
    def margin(self) -> float | None:
        """What difference of samplers is none; None of a sweep of anything else."""
        file = self.folder / SAMPLERS
        if not file.is_file():
            return None
        return float(read_json(file, made_by=_MADE_BY)["models"][0]["margin"])

    def jobs(self, places: Places) -> list[Job]:
        """As the sweep compared them.

        Raises:
            UserError: what a job left behind is not there, or was changed.
        """
        failed = {one["name"]: one for one in self._said["failed"]}
        settings = {
            name: group["setting"]
            for group in self._said["groups"]
            for name in group["jobs"]
        }
        found = []
        for place in self._places:
            if place.name in failed:
                one = failed[place.name]
                overrides, error = one["overrides"], one["error"]
                found.append(Job(place.name, overrides, status="failed", error=error))
            elif place.name in settings:
                found.append(self._job(place, settings[place.name], places))
        return found

    def _job(self, place: Path, setting: Mapping[str, str], places: Places) -> Job:
        if not place.is_dir():
            raise UserError(
                f"{self.folder} compares jobs, and {place.name} is not at {place.parent}: a"
                f" table is made of what they measured; {self.folder / 'paper'} has the one"
                " that the sweep wrote itself"
            )
        place = place.resolve()
        metrics = measured(str(place), places).metrics
        record = read_json(place / "result.json", made_by=_MADE_BY)
        return Job(
            place.name,
            {**setting, **dict(_seeds(record.get("overrides") or {}))},
            metrics=metrics,
            protocol=protocol_digest(metrics["protocol"]),
            seconds=record.get("seconds"),
            sampling_seconds=drawing_seconds(place / "outputs/samples", places.root),
        )


def _seeds(overrides: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((key, overrides[key]) for key in SEEDS if key in overrides)


def drawing_seconds(samples: Path, root: Path) -> float | None:
    """How long samples took to draw; None where their record is gone.

    Args:
        samples: their folder.
        root: of the project.
    """
    record = samples / "samples.json"
    if not record.is_file():
        return None
    said: Mapping[str, str] = read_json(record, made_by="sample")
    return times_of(root).seconds(said["identity"])
