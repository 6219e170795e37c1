"""The jobs of a sweep before the first one runs: what each is told, and where it works.

A folder is named by what decides its content, so the same job of another sweep is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import composition, sweep_jobs, typed_places
from snowmelt.pipeline.config.overrides import SourcedOverride, quoted
from snowmelt.pipeline.sweep import job_identity, shared_stages
from snowmelt.pipeline.sweep.shared_stages import SharedStage

# Below the folder of all sweeps: of jobs, and of what they share.
FOLDER, JOBS, SHARED = "multirun", "jobs", "shared"
_ROOT = "paths.root="


@dataclass(frozen=True)
class PlannedJobs:
    """All jobs, in their order.

    Attributes:
        root: the project's.
        given: the overrides of each, under what it does not share with the others.
        shared: the stages that are run once for several of them.
        identities: what decides each.
        configs: what each composes to, with a folder of its own.
    """

    root: Path
    given: Mapping[str, Sequence[str]]
    shared: Sequence[SharedStage]
    identities: Sequence[str]
    configs: Sequence[DictConfig]

    @classmethod
    def of(cls, jobs: Mapping[str, Sequence[str]], root: Path) -> PlannedJobs:
        """Those of `snowmelt.pipeline.config.sweep_jobs`.

        Raises:
            UserError: an override is wrong, or the parts of a job do not go together.
        """
        given = {
            label: typed_places.from_here(root, job, Path.cwd())
            for label, job in jobs.items()
        }
        composed = sweep_jobs.composed(root, given)
        shared = shared_stages.planned(composed, root)
        identities = [job_identity.of_job(config, root) for config in composed]
        configs = [
            composition.compose(root, job, is_checked=False)
            for job in placed(given, shared, identities).values()
        ]
        return cls(root, given, shared, identities, configs)

    @property
    def folder(self) -> Path:
        """Of all sweeps."""
        return (self.root / self.configs[0].paths.root).parents[1]

    @cached_property
    def common(self) -> list[str]:
        """The overrides that all jobs have."""
        first, *others = self.given.values()
        return [text for text in first if all(text in job for job in others)]

    @cached_property
    def base(self) -> DictConfig:
        """What these compose to."""
        return composition.compose(self.root, self.common, is_checked=False)

    def told(self, number: int) -> dict[str, str]:
        """What sets a job apart."""
        job = list(self.given.values())[number]
        return pairs([text for text in job if text not in self.common])

    @cached_property
    def swept(self) -> list[str]:
        """The keys that the jobs differ in, in the order that they were typed."""
        told = (self.told(number) for number in range(len(self.given)))
        return list(dict.fromkeys(key for one in told for key in one))

    def whole(self, number: int) -> dict[str, str]:
        """All that was chosen for a job, params.yaml included."""
        job = list(self.given.values())[number]
        return pairs([one.text for one in composition.merged_overrides(self.root, job)])

    def made_for(self, number: int) -> list[str]:
        """The stages that a job finds done."""
        return [one.stage for one in self.shared if number in one.jobs]


def pairs(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides as keys and values, as they stand."""
    return dict(text.split("=", 1) for text in overrides)


def placed(
    given: Mapping[str, Sequence[str]],
    shared: Sequence[SharedStage],
    identities: Sequence[str],
) -> dict[str, list[str]]:
    """The jobs, each in a folder of its own: below `out=`, or below the project's root.

    What a stage makes for several of them has a place, too, unless one was typed.

    Raises:
        UserError: `out` has several values.
    """
    roots = {
        tuple(text for text in job if text.startswith(_ROOT)) for job in given.values()
    }
    if len(roots) > 1:
        raise UserError("out: a sweep makes a folder for each job by itself: name one")
    (named,) = next(iter(roots)) or (f"{_ROOT}.",)
    top = Path(str(SourcedOverride(named, "command line").parse().value())) / FOLDER
    found = {}
    for number, (label, job) in enumerate(given.items()):
        typed = {text.partition("=")[0] for text in job}
        places = [one.override(top / SHARED) for one in shared if number in one.jobs]
        own = top / JOBS / identities[number][: job_identity.LETTERS]
        found[label] = [
            *(text for text in job if not text.startswith(_ROOT)),
            f"{_ROOT}{quoted(str(own))}",
            *(text for text in places if text.partition("=")[0] not in typed),
        ]
    return found
