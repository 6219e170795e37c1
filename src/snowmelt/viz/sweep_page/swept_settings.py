"""Runs of one setting together, and settings that share a training together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from snowmelt.viz.sweep_page.sweep_material import SweepMaterial, SweptRun

MOST = 6  # settings in one plot: as many as there are colours


@dataclass(frozen=True)
class SweptSetting:
    """One setting with its finished runs.

    Attributes:
        label: as in the comparison.
        runs: of all seeds, in the order of the jobs.
        place: among the settings, best first where they are ranked; its colour.
    """

    label: str
    runs: Sequence[SweptRun]
    place: int

    @property
    def seeds(self) -> list[str]:
        return [run.job.seed for run in self.runs]


def settings_of(material: SweepMaterial) -> list[SweptSetting]:
    """All settings of the comparison that a run is left of, in its order."""
    by_name = {run.job.name: run for run in material.runs}
    found = []
    for place, group in enumerate(material.comparison.groups):
        runs = [by_name[job.name] for job in group.jobs if job.name in by_name]
        if runs:
            found.append(SweptSetting(group.label, runs, place))
    return found


def by_training(settings: Sequence[SweptSetting]) -> list[SweptSetting]:
    """The settings that trained differently; what only samples differently is one.

    Each has every training once. One that stands for several is called by what these have
    in common.
    """
    together: list[list[SweptSetting]] = []
    for setting in settings:
        trained = _trainings(setting)
        for some in together:
            if trained & set().union(*map(_trainings, some)):
                some.append(setting)
                break
        else:
            together.append([setting])
    found = []
    for place, some in enumerate(together):
        runs: dict[str, SweptRun] = {}
        for run in (run for one in some for run in one.runs):
            runs.setdefault(run.training, run)
        label = some[0].label if len(some) == 1 else _common(some)
        place = some[0].place if len(together) == len(settings) else place
        found.append(SweptSetting(label, list(runs.values()), place))
    return found


def _trainings(setting: SweptSetting) -> set[str]:
    return {run.training for run in setting.runs}


def _common(settings: Sequence[SweptSetting]) -> str:
    """What the settings have in common, as short as in a comparison."""
    told = [set(run.job.setting.items()) for one in settings for run in one.runs]
    shared = sorted(set.intersection(*told))
    if len(shared) == 1:
        return shared[0][1]
    return " ".join(f"{key}={value}" for key, value in shared) or "the training"


def of_one_seed(settings: Sequence[SweptSetting]) -> list[SweptSetting]:
    """Each setting with one run, of the same seed where they have one in common.

    Of the seeds that most settings have, it is the first.
    """
    seeds = Counter(seed for setting in settings for seed in dict.fromkeys(setting.seeds))
    if not seeds:
        return []
    chosen = max(seeds, key=lambda seed: seeds[seed])
    return [
        replace(
            setting,
            runs=[next((r for r in setting.runs if r.job.seed == chosen), setting.runs[0])],
        )
        for setting in settings
    ]
