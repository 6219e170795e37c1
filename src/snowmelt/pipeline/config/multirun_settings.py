"""What a sweep reads beside the values that it goes through."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from snowmelt.common.section import Section, Seed, Text

Lines = Annotated[tuple[Text, ...], Field(strict=False, max_length=1000)]


class ClusterSettings(Section):
    """The section `multirun.cluster`: what a job asks a cluster for."""

    key: ClassVar[str] = "multirun.cluster"
    kind: Literal["slurm", "local"] = Field(
        "slurm", description="The cluster; local submits to this machine, to try it."
    )
    minutes: int = Field(
        720,
        ge=1,
        le=1_000_000,
        description="Minutes that a job may take, of all its attempts each.",
    )
    cpus: int = Field(2, ge=1, le=4096, description="Cores of a job.")
    gpus: int = Field(0, ge=0, le=1024, description="GPUs of a job.")
    memory_gb: float | None = Field(
        None, gt=0, le=1_000_000, description="Memory of a job; null for the cluster's."
    )
    partition: Text | None = Field(None, description="Where jobs run.")
    account: Text | None = Field(None, description="Who pays for them.")
    setup: Lines = Field(
        (), description="Lines of a shell that come before a job, as `module load cuda`."
    )


class SearchSettings(Section):
    """The section `multirun.search`: how values within intervals are looked for."""

    key: ClassVar[str] = "multirun.search"
    trials: int = Field(
        12, ge=1, le=100_000, description="Sets of values that are tried, all together."
    )
    first: int = Field(
        5,
        ge=1,
        le=100_000,
        description="How many of them are drawn at random before any is proposed by what"
        " came of the others.",
    )
    seed: Seed = Field(0, description="Of what is tried.")


class MultirunSettings(Section):
    """The section `multirun`: jobs of a sweep, how they are run and how compared."""

    key: ClassVar[str] = "multirun"
    jobs: Lines = Field(
        (),
        description="Jobs whose keys belong together, a line of overrides as typed:"
        " 'sampler=ddim sampler.steps=10,20'. Commas multiply out; a key that is typed goes"
        " before that of a line.",
    )
    launcher: Literal["serial", "joblib", "submitit"] = Field(
        "serial",
        description="How jobs are started: one after another, several at once with the"
        " cores of this machine divided among them, or on a SLURM cluster.",
    )
    at_once: int = Field(
        2,
        ge=1,
        le=10_000,
        description="Jobs at a time; of a search, sets of values between two proposals."
        " One after another there is one.",
    )
    cluster: ClusterSettings = ClusterSettings()
    search: SearchSettings = SearchSettings()
    reports: bool = Field(
        True, description="Draw a report of each job, beside that of their comparison."
    )
    margin: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Largest difference of equivalent samplers, as a share of the distance"
        " of the first job.",
    )
