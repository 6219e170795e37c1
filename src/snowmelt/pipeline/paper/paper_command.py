"""paper: runs in; tables, figures, protocol, cost and citation for a paper out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json
from snowmelt.common.instantiate import plain
from snowmelt.evaluation.comparison import compare, compare_models, sampling_costs
from snowmelt.evaluation.protocol_sentence import likelihood_sentence, protocol_sentence
from snowmelt.pipeline.comparing.command import Typed
from snowmelt.pipeline.comparing.run_places import (
    Places,
    RunStage,
    holds_numbers,
    measured,
)
from snowmelt.pipeline.config import composed_file
from snowmelt.pipeline.known_costs import costs_of
from snowmelt.pipeline.paper.sweep_papers import sweep_papers
from snowmelt.pipeline.paper.swept_folder import COMPARISON, SweptFolder
from snowmelt.pipeline.stages.sample import times_of
from snowmelt.tracking import TrackingSettings
from snowmelt.viz.paper.figures_of_run import figures_of_run
from snowmelt.viz.paper.paper_files import MARKDOWN, Paper, write
from snowmelt.viz.paper.result_tables import models_table, run_table
from snowmelt.viz.plots.model_dots import model_dots
from snowmelt.viz.report.headline import headline_sentences
from snowmelt.viz.report.report_material import Material, read

FOLDER = "paper"  # below that of the reports
# Below the folder of a run: of the pipeline, of a job of a sweep.
_CONFIGS = ("outputs/config.yaml", "job.yaml")


@dataclass(frozen=True)
class Sources:
    """Where papers take their numbers from.

    Attributes:
        typed: what was named on the command line.
        places: where runs are looked for.
    """

    typed: Typed
    places: Places

    @property
    def root(self) -> Path:
        return self.places.root

    @property
    def settings(self) -> TrackingSettings:
        return TrackingSettings.of(plain(self.places.config.tracking))

    def papers(self) -> list[Paper]:
        """One; of a sweep of samplers one for each model that they drew from.

        Raises:
            UserError: a run is not there, was not evaluated, or they do not compare.
        """
        names = self.typed.runs
        if len(names) > 1:
            return [self._of_several(names, self.typed.across)]
        if self.swept is not None:
            return self._of_sweep(self.swept)
        if compared := self._compared():
            return [self._of_several(*compared)]
        folder = self._named or self._own
        material = self._material(folder) if not names or folder.is_dir() else None
        return [self._of_material(material) if material else self._of_numbers(names[0])]

    @property
    def _own(self) -> Path:
        """The folder of the project's own run."""
        return self.root / str(self.places.config.paths.root)

    @property
    def _named(self) -> Path | None:
        """The one place that was named, if it may be one."""
        names = self.typed.runs
        return self.typed.here / Path(names[0]).expanduser() if len(names) == 1 else None

    @cached_property
    def swept(self) -> SweptFolder | None:
        """The sweep that was named, if it is one: no folder that has numbers of its own."""
        named = self._named
        if named is None or not named.is_dir() or holds_numbers(named):
            return None
        return SweptFolder.of(named)

    def _compared(self) -> tuple[list[str], list[str]] | None:
        """What `snowmelt compare out=` wrote: the runs as they were typed, and across."""
        if self._named is None or not (file := self._named / COMPARISON).is_file():
            return None
        said = read_json(file, made_by="compare")
        if "differences" not in said:
            return None
        return [run for model in said["models"] for run in model["runs"]], said["across"]

    def _material(self, folder: Path) -> Material | None:
        """All outputs of a run; None of a folder that holds numbers alone."""
        found = next((folder / one for one in _CONFIGS if (folder / one).is_file()), None)
        if found is not None:
            return read(plain(composed_file.load(found.absolute())), self.root)
        if folder == self._own:
            return read(plain(self.places.config), self.root)
        return None

    def _of_material(self, material: Material) -> Paper:
        drawn = times_of(self.root).seconds(str(material.samples.get("identity", "")))
        count = len(material.generated)
        paper = self._of_metrics(material.name, material.metrics, count)
        compute = replace(paper.compute, sampling_seconds=drawn, samples=count)
        return replace(paper, compute=compute, figures=figures_of_run(material))

    def _of_numbers(self, name: str) -> Paper:
        """Of a tracked run, or a file of numbers: there is nothing to draw from."""
        metrics = measured(name, self.places).metrics
        count = (metrics.get("protocol") or {}).get("num_samples")
        return self._of_metrics(name, metrics, count)

    def _of_metrics(self, name: str, metrics: Mapping[str, Any], count: Any) -> Paper:
        return Paper(
            tables=[run_table(name, metrics)],
            said=headline_sentences(metrics, count) if isinstance(count, int) else (),
            protocol=_protocol(metrics),
            compute=costs_of([metrics], self.root, self.settings),
        )

    def _of_several(self, names: Sequence[str], across: Sequence[str]) -> Paper:
        told = short_names(names)
        runs = [
            replace(measured(name, self.places), name=short)
            for name, short in zip(names, told, strict=True)
        ]
        found = compare_models(runs, across)
        metrics = [run.metrics for run in runs]
        figure = model_dots(found)
        return Paper(
            tables=[models_table(found)],
            said=found.sentences,
            protocol=_protocol(*metrics),
            compute=costs_of(metrics, self.root, self.settings),
            figures={} if figure is None else {"models": figure},
        )

    def _of_sweep(self, swept: SweptFolder) -> list[Paper]:
        jobs = swept.jobs(self.places)
        comparison = compare(jobs)
        margin = swept.margin
        costs = [] if margin is None else sampling_costs(jobs, margin)
        found = list(sweep_papers(comparison, costs, self.root, self.settings))
        if not found:
            raise UserError(f"{swept.folder}: {comparison.summary}")
        return found


def short_names(names: Sequence[str]) -> list[str]:
    """Runs as a paper calls them: of paths the shortest ends that tell them apart.

    Two that no end tells apart, and runs that are named twice, stay as they are.
    """
    parts = [Path(name).parts for name in names]
    for count in range(1, max(map(len, parts), default=0)):
        ends = ["/".join(one[-count:]) for one in parts]
        if len(set(ends)) == len(ends):
            return ends
    return list(names)


def _protocol(*metrics: Mapping[str, Any]) -> str:
    """How samples and likelihoods were measured."""
    said = protocol_sentence(*metrics), likelihood_sentence(*metrics)
    return " ".join(filter(None, said))


def numbered(folder: Path, count: int) -> list[Path]:
    """A folder, and for further papers beside it `<name>_2`, `<name>_3`, ..."""
    others = [folder.with_name(f"{folder.name}_{n}") for n in range(2, count + 1)]
    return [folder, *others][:count]


def run(typed: Typed, config: DictConfig, root: Path, run_stage: RunStage) -> int:
    """Write the folder and print what is in it; returns the status 0.

    Args:
        config: where the project's own run and the tracked ones are.
        run_stage: runs a stage for a checkpoint that was named.

    Raises:
        UserError: a run is not there, was not evaluated, or they do not compare.
    """
    tracking.prefer_typed(typed.overrides)
    sources = Sources(typed, Places(config, root, typed.here, run_stage))
    papers, swept = sources.papers(), sources.swept
    beside = root / config.paths.reports if swept is None else swept.folder
    folders = numbered(typed.out or beside / FOLDER, len(papers))
    for paper, folder in zip(papers, folders, strict=True):
        files = write(paper, folder)
        print(paper.markdown)
        if figures := sorted({file.stem for file in files if file.parent != folder}):
            print(f"figures, as PDF and SVG: {', '.join(figures)}\n")
        print(f"paper: {folder / MARKDOWN}")
    return 0
