"""Where the numbers of a run that was named on the command line are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.files import read_json
from snowmelt.common.instantiate import plain
from snowmelt.evaluation import by_example, evaluation_record
from snowmelt.evaluation.comparison import Measured
from snowmelt.pipeline.comparing import sampled_checkpoint
from snowmelt.tracking import RunReader, TrackingSettings

METRICS = "metrics.json"
# Below a folder that was named: of `snowmelt pipeline out=DIR`, of `evaluate out=DIR`.
_NUMBERS = (f"reports/{METRICS}", METRICS)
_RECORD = "outputs/evaluation"


class RunStage(Protocol):
    """Runs a stage, such as `sample`, and returns what it made."""

    def __call__(self, name: str, settled: DictConfig, root: Path) -> Path: ...


@dataclass(frozen=True)
class Places:
    """Where runs are looked for.

    Attributes:
        config: how a checkpoint is sampled and measured, and where runs are tracked.
        root: of the project.
        here: what relative paths are relative to.
        run_stage: runs `sample` and `evaluate` for a checkpoint.
    """

    config: DictConfig
    root: Path
    here: Path
    run_stage: RunStage

    @cached_property
    def tracked(self) -> RunReader:
        """The tracking store, which is asked only if a run is neither file nor folder."""
        return RunReader(TrackingSettings.of(plain(self.config.tracking)), self.root)


def measured(name: str, places: Places) -> Measured:
    """The numbers of one run.

    Raises:
        UserError: there is no such run, or it was not evaluated; what to do is said.
    """
    path = places.here / Path(name).expanduser()
    if path.is_dir():
        return _of_folder(name, path, places)
    if path.is_file():
        return _of_file(name, path, places)
    try:
        run = places.tracked.find(name)
    except UserError as error:
        raise UserError(f"{name} is no file or folder; {error}") from error
    return Measured(name, places.tracked.evaluation(run))


def holds_numbers(folder: Path) -> bool:
    """Whether an evaluation wrote into a folder."""
    return any((folder / place).is_file() for place in _NUMBERS)


def _of_folder(name: str, folder: Path, places: Places) -> Measured:
    numbers = next((folder / p for p in _NUMBERS if (folder / p).is_file()), None)
    if numbers is not None:
        record = folder / _RECORD
        metrics = read_json(numbers, made_by="evaluate")
        if numbers == folder / _NUMBERS[0] and record.is_dir():
            evaluation_record.check_unedited(metrics, numbers, record)
            return Measured(name, metrics, by_example.read(record))
        return Measured(name, metrics)
    for place in ("model.ckpt", "outputs/model/model.ckpt"):
        if (folder / place).is_file():
            raise UserError(
                f"{name} was not evaluated: run `snowmelt sample` and `snowmelt evaluate`"
                f" there, or name its checkpoint, {folder / place}, which is then sampled"
                " and evaluated by the current configuration"
            )
    raise UserError(
        f"{name} holds no {METRICS}, in itself or in reports/: name a folder that `snowmelt"
        " evaluate` or `snowmelt pipeline` wrote into; of a sweep, the folders of its jobs"
    )


def _of_file(name: str, path: Path, places: Places) -> Measured:
    if path.suffix == ".json":
        return Measured(name, read_json(path, made_by="evaluate"))
    numbers = sampled_checkpoint.numbers(path, places.config, places.root, places.run_stage)
    found = read_json(numbers, made_by="evaluate")
    return Measured(name, found, by_example.read(sampled_checkpoint.arrays_of(numbers)))
