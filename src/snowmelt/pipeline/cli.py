"""The command line: one command a stage, and all of them in a row.

Nothing heavy is imported before it is known what to do, so `--help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowmelt.common import memory, public_names, stopping
from snowmelt.common.errors import UserError
from snowmelt.common.rank_reports import Reporter, is_lost_connection
from snowmelt.pipeline import endings, memory_advice
from snowmelt.pipeline.command_line import SHOWN, full_override, parser
from snowmelt.pipeline.compatibility import issues
from snowmelt.pipeline.freed_memory import keep_freed_memory
from snowmelt.pipeline.shared_machine import wait_briefly

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its status: 0, 2 for a user's mistake, 130 if stopped."""
    wait_briefly()
    keep_freed_memory()
    typed = sys.argv[1:] if arguments is None else arguments
    given = parser(typed).parse_intermixed_args(typed)
    given.overrides = list(map(public_names.current_override, given.overrides))
    reporter = Reporter()
    issues.forget()
    try:
        with stopping.in_good_order(reporter.beat):
            return _run(given)
    except UserError as error:
        return endings.refused(given.command, str(error), reporter)
    except OSError as error:
        said = endings.said_of_storage(error)
        if not said:
            raise  # no file is at fault, so someone has to see where it happened
        return endings.refused(given.command, said, reporter)
    except (stopping.Stopped, KeyboardInterrupt) as stop:
        return endings.stopped(given.command, str(stop), typed, reporter)
    except Exception as error:
        if said := endings.said_of_installation(error):
            return endings.refused(given.command, said, reporter)
        if not reporter.is_heard:
            raise
        follows = is_lost_connection(error)
        told = f"{type(error).__name__}: {error}"
        reporter.end("defect", told, traceback.format_exc(), follows)
        return 1


def _run(given: argparse.Namespace) -> int:
    from snowmelt.common import distributed
    from snowmelt.pipeline import dvc_copy, output_locks
    from snowmelt.pipeline.config import composition

    if given.json and given.command != "compare":
        raise UserError(f"--json: for `snowmelt compare` only, not {given.command}")
    root = composition.project_root()
    _say_where(root)
    if given.command in dvc_copy.STAGES:
        dvc_copy.bring_raw_data(root)
    if given.command == "card":
        return _card(given, root)
    if given.command in SHOWN:
        return _density(given, root)
    if given.command == "settings":
        return _settings(given, root)
    if given.command in ("compare", "paper"):
        return _compare(given, root)
    if given.command == "queue":
        from snowmelt.pipeline import dvc_queue

        return dvc_queue.run(given.overrides, root)
    from snowmelt import tracking
    from snowmelt.common.instantiate import plain

    overrides = [full_override(given.command, text, root) for text in given.overrides]
    tracking.prefer_typed(overrides)
    if given.command == "pipeline":
        _refuse_iterations(overrides)
    if not given.config and _is_sweep(given, overrides):
        if given.cfg:
            raise UserError("--cfg prints one configuration: leave the sweep out")
        from snowmelt.pipeline.sweep import multirun

        return multirun.run(given.command, overrides, root)
    if given.command in ("sync", "ui"):
        return _of_tracker(given, overrides, root)
    if given.command == "iterate":
        return _iterate(given, overrides, root)
    # Samples come from a checkpoint's parts, against which the stage checks the rest.
    settled = _settled(given, overrides, root, is_checked=given.command != "sample")
    if given.cfg:
        return _print(settled)
    if given.command in ("compose", "pipeline"):
        _check_sampled(settled, root, is_measured=given.command == "pipeline")
    _check_under_dvc(given.command, settled, root)
    tracking.check(plain(settled), root)
    written = output_locks.written_by(given.command, settled, root)
    with (
        tracking.one_command(),
        output_locks.only_command_in(written, given.command, root),
    ):
        if given.command == "pipeline":
            result = _pipeline(settled, root)
        else:
            result = run_stage(given.command, settled, root)
    if distributed.is_main_process():
        print(f"{given.command}: {result}")
    return 0


def _say_where(root: Path) -> None:
    """Name the project where that is not the folder in which the command was typed."""
    is_told = "PROJECT_ROOT" in os.environ or os.environ.get("RANK", "0") != "0"
    if not is_told and root != Path.cwd():
        print(
            f"snowmelt: the project is {root}: conf/, params.yaml and the paths in them;"
            f" paths on the command line count from {Path.cwd()}",
            file=sys.stderr,
        )


def _card(given: argparse.Namespace, root: Path) -> int:
    """One picture of all values; what is refused is shown on it instead of refused here."""
    from snowmelt.pipeline.config import composition, sweep_jobs, typed_places

    here = Path.cwd()
    named = [text for text in given.overrides if text.startswith("out=")]
    overrides = [text for text in given.overrides if text not in named]
    if any(text.startswith("sweep=") for text in overrides):
        # The seeds of a sweep are none of its schedules.
        overrides += [] if any(o.startswith("seed=") for o in overrides) else ["seed=0"]
    if given.config:
        configs = {"": _settled(given, overrides, root)}
    else:
        configs = {
            label: composition.compose(
                root, typed_places.from_here(root, job, here), is_checked=False
            )
            for label, job in sweep_jobs.jobs(root, overrides).items()
        }
    if given.cfg:
        return _print(*configs.values())
    stage: Any = importlib.import_module("snowmelt.pipeline.stages.card")
    out = typed_places.folder_from_here(named[-1], root, here) if named else None
    if out is not None and (out.suffix != ".png" or out.is_dir()):
        raise UserError(f"out={out}: name a file that ends in .png")
    try:
        print(f"card: {stage.run(configs, root, out)}")
    except OSError as error:
        raise UserError(f"the card cannot be written: {error}") from error
    return 0


def _refuse_iterations(overrides: Sequence[str]) -> None:
    for text in overrides:
        if text.startswith("iteration=") and text != "iteration=null":
            raise UserError(
                f"{text} is for several trainings that learn from each other: `snowmelt"
                " iterate`, which runs a pipeline for each"
            )


def _iterate(given: argparse.Namespace, overrides: Sequence[str], root: Path) -> int:
    """Flows that learn from each other's pairs, each in processes of its own."""
    from snowmelt import tracking
    from snowmelt.common.instantiate import plain
    from snowmelt.pipeline.iterating import iterate_command

    settled = _settled(given, overrides, root, is_checked=True)
    if given.cfg:
        return _print(settled)
    _check_sampled(settled, root, is_measured=True)
    tracking.check(plain(settled), root)
    with tracking.one_command():
        return iterate_command.run(settled, root, given.overrides)


def _of_tracker(given: argparse.Namespace, overrides: Sequence[str], root: Path) -> int:
    """What is about tracked runs alone; parts of a training are not looked at."""
    settled = _settled(given, overrides, root)
    if given.cfg:
        return _print(settled)
    stage: Any = importlib.import_module(f"snowmelt.pipeline.stages.{given.command}")
    more = (given.port,) if given.command == "ui" else ()
    status: int = stage.run(settled, root, *more)
    return status


def _density(given: argparse.Namespace, root: Path) -> int:
    """Look at a known density; parts that only training needs are not checked."""
    from snowmelt.pipeline import output_locks
    from snowmelt.pipeline.config import typed_places
    from snowmelt.pipeline.config.chosen_density import results_folder

    named = [text for text in given.overrides if text.startswith("out=")]
    rest = [text for text in given.overrides if text not in named]
    overrides = [full_override(given.command, text, root) for text in rest]
    if given.multirun:
        raise UserError("one density at a time: leave --multirun out")
    settled = _settled(given, overrides, root)
    if given.cfg:
        return _print(settled)
    out = typed_places.folder_from_here(named[-1], root, Path.cwd()) if named else None
    folder = results_folder(settled, root, given.command, out)
    stage: Any = importlib.import_module(f"snowmelt.pipeline.stages.{given.command}")
    advice = memory_advice.advice(given.command, settled)
    with (
        output_locks.only_command_in([folder], given.command, root),
        memory.naming(advice),
    ):
        result: Path = stage.run(settled, root, out)
    print(f"{given.command}: {result}")
    return 0


def _compare(given: argparse.Namespace, root: Path) -> int:
    """What can be said of runs that are there; only checkpoints are worked on."""
    from snowmelt.pipeline.comparing.command import Typed, run
    from snowmelt.pipeline.paper import paper_command as paper

    if given.multirun:
        raise UserError(f"{given.command} takes runs that are there: leave --multirun out")
    typed = Typed.of(given.overrides, root, Path.cwd())
    settled = _settled(given, typed.overrides, root)
    if given.cfg:
        return _print(settled)
    if given.command == "paper":
        return paper.run(typed, settled, root, run_stage)
    return run(typed, settled, root, run_stage, as_json=given.json)


def _settings(given: argparse.Namespace, root: Path) -> int:
    """Print what keys there are, with their values and what they mean."""
    from snowmelt.common.instantiate import plain
    from snowmelt.pipeline.config import part_choices, settings
    from snowmelt.pipeline.config.overrides import groups

    wanted = [text for text in given.overrides if "=" not in text]
    parts = [name for name in groups(root) if name not in settings.defaults()]
    shown = [part_choices.explained(root, name) for name in wanted if name in parts]
    keys = [name for name in wanted if name not in parts]
    overrides = [text for text in given.overrides if "=" in text]
    if keys or not shown:
        shown.append(settings.explained(plain(_settled(given, overrides, root)), keys))
    print("\n".join(shown))
    return 0


def _settled(
    given: argparse.Namespace,
    overrides: Sequence[str],
    root: Path,
    *,
    is_checked: bool = False,
) -> DictConfig:
    """The configuration that `--config` names, else what the overrides compose to."""
    from snowmelt.pipeline.config import composed_file, composition, typed_places

    if not given.config:
        settled = typed_places.from_here(root, overrides, Path.cwd())
        return composition.compose(root, settled, is_checked=is_checked)
    if overrides:
        raise UserError("--config FILE is already composed: give it or overrides, not both")
    return composed_file.load(given.config.absolute())


def _print(*configs: DictConfig) -> int:
    from omegaconf import OmegaConf

    print("---\n".join(OmegaConf.to_yaml(c, resolve=True) for c in configs), end="")
    return 0


def _is_sweep(given: argparse.Namespace, overrides: list[str]) -> bool:
    chosen = [text for text in overrides if text.startswith(("sweep=", "multirun.jobs="))]
    return given.multirun or any(text != "sweep=null" for text in chosen)


def run_stage(name: str, settled: DictConfig, root: Path) -> Path:
    """Run one stage, such as `train`; returns the file or folder that it made."""
    stage: Any = importlib.import_module(f"snowmelt.pipeline.stages.{name}")
    with memory.naming(memory_advice.advice(name, settled)):
        result: Path = stage.run(settled, root)
    return result


def _check_sampled(settled: DictConfig, root: Path, *, is_measured: bool) -> None:
    """Refuse samples that cannot be drawn of the starts, or would not be measured."""
    from snowmelt.pipeline.compatibility import start_rules

    start_rules.check_sampled(settled, root)
    if is_measured:
        start_rules.check_measured(settled)


def _check_under_dvc(command: str, settled: DictConfig, root: Path) -> None:
    """Where DVC runs a stage, those that follow run as well, on this machine."""
    from snowmelt.pipeline.config import watched_places

    if not watched_places.is_run_by_dvc():
        return
    if command == "compose":
        from snowmelt.pipeline import this_machine

        _check_sampled(settled, root, is_measured=True)
        this_machine.check_devices(settled)
        this_machine.find_files(settled, root)
    if command == "train":
        from snowmelt.pipeline.before_training import prepared_starts

        prepared_starts.check(settled, root)


def _pipeline(settled: DictConfig, root: Path) -> Path:
    """All stages in this process; each says what it made."""
    from snowmelt.common import distributed

    if distributed.is_launched():
        raise UserError(
            "pipeline runs in one process and starts others itself (trainer.processes);"
            " torchrun is for `snowmelt reference`, `train`, `sample` and `evaluate`"
        )
    from snowmelt.pipeline import job_stages, this_machine
    from snowmelt.pipeline.before_training import prepared_starts

    this_machine.check(settled, root)
    stages, is_prepared = job_stages.of_this_job(), False
    for number, name in enumerate(stages, start=1):
        stopping.check()
        if name not in ("compose", "prepare") and not is_prepared:
            prepared_starts.check(settled, root)
            is_prepared = True
        print(f"[{number}/{len(stages)}] {name}", flush=True)
        result = run_stage(name, settled, root)
    return result
