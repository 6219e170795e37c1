"""paper: runs in; tables, figures, protocol, cost and citation for a paper out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import DictConfig

from snowmelt import tracking
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.evaluation.comparison import compare_models
from snowmelt.evaluation.protocol_sentence import protocol_sentence
from snowmelt.pipeline.comparing.command import Typed
from snowmelt.pipeline.comparing.run_places import Places, RunStage, measured
from snowmelt.pipeline.config import composed_file
from snowmelt.pipeline.paper.known_costs import costs_of
from snowmelt.pipeline.stages.sample import times_of
from snowmelt.tracking import TrackingSettings
from snowmelt.viz.paper.figures_of_run import figures_of_run
from snowmelt.viz.paper.paper_files import MARKDOWN, Paper, write
from snowmelt.viz.paper.result_tables import models_table, run_table
from snowmelt.viz.report.report_material import Material, read

FOLDER = "paper"  # below that of the reports
_SWEEP = "comparison.json"
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

    def paper(self) -> Paper:
        """Of one run, or of the differences of several.

        Raises:
            UserError: a run is not there, was not evaluated, or they do not compare.
        """
        names = self.typed.runs
        if len(names) > 1:
            return self._of_several()
        folder = self.typed.here / Path(names[0]).expanduser() if names else self._own
        if (folder / _SWEEP).is_file() and not (folder / "metrics.json").is_file():
            raise UserError(
                f"{folder} is of a sweep, which writes {folder / FOLDER} itself: run the"
                " sweep again, which trains nothing that is done, or name two of its runs"
            )
        material = self._material(folder) if not names or folder.is_dir() else None
        return self._of_material(material) if material else self._of_numbers(names[0])

    @property
    def _own(self) -> Path:
        """The folder of the project's own run."""
        return self.root / str(self.places.config.paths.root)

    def _material(self, folder: Path) -> Material | None:
        """All outputs of a run; None of a folder that holds numbers alone."""
        found = next((folder / one for one in _CONFIGS if (folder / one).is_file()), None)
        if found is not None:
            return read(plain(composed_file.load(found.absolute())), self.root)
        if folder == self._own:
            return read(plain(self.places.config), self.root)
        return None

    def _of_material(self, material: Material) -> Paper:
        compute = costs_of([material.metrics], self.root, self.settings)
        drawn = str(material.samples.get("identity", ""))
        return Paper(
            table=run_table(material.name, material.metrics),
            protocol=protocol_sentence(material.metrics),
            compute=replace(
                compute,
                sampling_seconds=times_of(self.root).seconds(drawn),
                samples=len(material.generated),
            ),
            figures=figures_of_run(material),
        )

    def _of_numbers(self, name: str) -> Paper:
        """Of a tracked run, or a file of numbers: there is nothing to draw from."""
        metrics = measured(name, self.places).metrics
        compute = costs_of([metrics], self.root, self.settings)
        return Paper(run_table(name, metrics), protocol_sentence(metrics), compute)

    def _of_several(self) -> Paper:
        runs = [measured(name, self.places) for name in self.typed.runs]
        found = compare_models(runs, self.typed.across)
        metrics = [run.metrics for run in runs]
        compute = costs_of(metrics, self.root, self.settings)
        return Paper(models_table(found), protocol_sentence(metrics[0]), compute)


def run(typed: Typed, config: DictConfig, root: Path, run_stage: RunStage) -> int:
    """Write the folder and print what is in it; returns the status 0.

    Args:
        config: where the project's own run and the tracked ones are.
        run_stage: runs a stage for a checkpoint that was named.

    Raises:
        UserError: a run is not there, was not evaluated, or they do not compare.
    """
    tracking.prefer_typed(typed.overrides)
    paper = Sources(typed, Places(config, root, typed.here, run_stage)).paper()
    folder = typed.out or root / config.paths.reports / FOLDER
    files = write(paper, folder)
    print(paper.markdown)
    figures = sorted({file.stem for file in files if file.parent != folder})
    if figures:
        print(f"figures, as PDF and SVG: {', '.join(figures)}\n")
    print(f"paper: {folder / MARKDOWN}")
    return 0
