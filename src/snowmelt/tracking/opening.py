"""Functions that open the tracked run of a stage.

MLflow is imported here, when a run is opened, since that takes a second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.tracking import descriptions, parameters
from snowmelt.tracking.address import redacted
from snowmelt.tracking.choices import choices
from snowmelt.tracking.configured import Config, is_disabled, name_of, settings_of
from snowmelt.tracking.location import locate
from snowmelt.tracking.provenance import origin
from snowmelt.tracking.run import Run
from snowmelt.tracking.run_records import RunRecord, RunRecords
from snowmelt.tracking.sweep_job import SweepJob
from snowmelt.tracking.views import SWEPT

if TYPE_CHECKING:
    from snowmelt.tracking.lineage import KnownRuns
    from snowmelt.tracking.sync import Sync
    from snowmelt.tracking.upload_queue import Operation

PARENT = "SNOWMELT_PARENT_RUN"  # names the run of a sweep to its jobs
RUN_NAME = "mlflow.runName"
MLFLOW_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
    # Operations wait in the queue and are tried again, so the client need not.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}


def open_training(
    config: Config,
    root: Path,
    *,
    state: Path,
    identity: str,
    lineage: Sequence[Mapping[str, Any]] = (),
) -> Run:
    """The run of a training, new or continued.

    Args:
        state: the folder that the training resumes from; its run.json names the run.
        identity: what the checkpoint will be called.
        lineage: the trainings that it started from, the last of which it followed.

    Raises:
        UserError: another process trains from this state, or the store's address is wrong.
    """
    if is_disabled(config):
        return Run()
    known_runs = _known_runs(config, root)
    record = known_runs.continued(state)
    if record is not None:
        record = known_runs.take(record, "train", identity)
        opened = _Opened(known_runs, config, root, record)
        return opened.run("train", identity, is_continued=True)
    tags = origin(root, "train") | {"identity": identity} | _started_from(lineage)
    before = known_runs.find("train", lineage[-1]["identity"]) if lineage else None
    links = {"started_from_run": before.key} if before else {}
    state.mkdir(parents=True, exist_ok=True)
    name = SweepJob.current().name or name_of(config)
    new = known_runs.new(name, tags, links=links, state=state)
    record = known_runs.take(new, "train", identity)
    return _Opened(known_runs, config, root, record).run("train", identity)


def _started_from(lineage: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a training that started from the weights of another."""
    if not lineage:
        return {}
    return {
        "started_from": str(lineage[-1]["identity"]),
        "steps_before": str(sum(one["step"] for one in lineage)),
    }


def open_sampling(config: Config, root: Path, *, checkpoint: str, samples: str) -> Run:
    """The run that trained `checkpoint` if it was not sampled yet, or just so; else a new
    one.

    Args:
        samples: the identity of the samples that will be drawn.
    """
    if is_disabled(config):
        return Run()
    known_runs = _known_runs(config, root)
    training = known_runs.find("train", checkpoint)
    record = known_runs.attach(training, "sample", "train", samples, samples)
    is_continued = record is not None
    if record is None:
        named = f"{training.name if training else checkpoint[:8]}, sampled"
        new = known_runs.new(
            SweepJob.current().name or named,
            origin(root, "sample") | {"identity": checkpoint},
            follows=training,
            links={"training_run": training.key} if training else {},
            # What the evaluation of other samples was asked for is not of these.
            own=[*parameters.SECTIONS["sample"], *parameters.SECTIONS["evaluate"]],
        )
        record = known_runs.take(new, "sample", samples, samples)
    opened = _Opened(known_runs, config, root, record)
    run = opened.run("sample", samples, is_continued=is_continued)
    run.set_tags({"samples_identity": samples})
    return run


def open_evaluation(
    config: Config,
    root: Path,
    *,
    samples: str,
    request: str,
    checkpoint: str | None = None,
) -> Run:
    """The run that drew `samples`, if they were not evaluated yet, or just so; else a new
    one.

    Args:
        request: a digest of all that decides the numbers: samples, reference, settings and
            code.
        checkpoint: the identity of the checkpoint that they were drawn from.
    """
    if is_disabled(config):
        return Run()
    known_runs = _known_runs(config, root)
    sampling = known_runs.find("sample", samples)
    record = known_runs.attach(sampling, "evaluate", "sample", samples, request)
    is_continued = record is not None
    if record is None:
        training = known_runs.find("train", checkpoint)
        base = sampling or training
        named = {"training_run": training, "sampling_run": sampling}
        identity = {"identity": checkpoint} if checkpoint else {}
        new = known_runs.new(
            f"{base.name if base else samples[:8]}, evaluated",
            origin(root, "evaluate") | identity | {"samples_identity": samples},
            follows=base,
            links={tag: record.key for tag, record in named.items() if record},
            own=parameters.SECTIONS["evaluate"],
        )
        record = known_runs.take(new, "evaluate", samples, request)
    opened = _Opened(known_runs, config, root, record)
    return opened.run("evaluate", samples, is_continued=is_continued)


def open_report(config: Config, root: Path, *, metrics: Path) -> Run:
    """The run that holds the evaluation `metrics`; a run that logs nothing without one."""
    if is_disabled(config):
        return Run()
    known_runs = _known_runs(config, root)
    record = known_runs.find("evaluate", sha256(metrics))
    if record is None or record.is_busy:
        return Run()
    record = known_runs.take(record, "report", None)
    opened = _Opened(known_runs, config, root, record)
    return opened.run("report", None, is_continued=True)


def open_sweep(config: Config, root: Path, *, name: str, swept: Sequence[str] = ()) -> Run:
    """A parent for the runs of a sweep's jobs; start these with its `child_environment`.

    Args:
        swept: the keys that the jobs differ in.
    """
    if is_disabled(config):
        return Run()
    known_runs = _known_runs(config, root)
    tags = origin(root, "sweep") | {SWEPT: ",".join(swept)}
    record = known_runs.take(known_runs.new(name, tags), "sweep", None)
    run = _Opened(known_runs, config, root, record).run("sweep", None)
    run.flush()  # the parent should be there before its children name it
    return run


def take_over(config: Config, root: Path, *, metrics: Path, sweep: Run) -> None:
    """Make the run that holds an evaluation a child of a sweep, which found it done.

    Nothing happens if it is not known, or if another process writes it just now.
    """
    key = sweep.child_environment.get(PARENT)
    if is_disabled(config) or key is None or not metrics.is_file():
        return
    known_runs = _known_runs(config, root)
    record = known_runs.find("evaluate", sha256(metrics))
    if record is None or record.is_busy:
        return
    # Sent by the sweep's own run, as all that dead processes have left.
    known_runs.run_records.queue(record.key).append({"do": "parent", "key": key})


def open_sync(config: Config, root: Path) -> Sync:
    """What waits for the store, to be shown and sent.

    Raises:
        UserError: tracking is off, or there can be no store at the address.
    """
    if not settings_of(config).enabled:
        raise UserError("tracking.enabled is false: there is no store to send to")
    known_runs = _known_runs(config, root)
    from snowmelt.tracking.sync import Sync

    return Sync(known_runs.run_records, known_runs.store)


def _known_runs(config: Config, root: Path) -> KnownRuns:
    """What is known about runs, on disk and in the configured store."""
    location = locate(settings_of(config), root)
    for variable, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    from snowmelt.tracking.lineage import KnownRuns
    from snowmelt.tracking.mlflow_store import Store

    return KnownRuns(RunRecords(location.runs), Store(location))


@dataclass(frozen=True)
class _Opened:
    """A run that this process has taken, and what it is to be told."""

    known_runs: KnownRuns
    config: Config
    root: Path
    record: RunRecord

    def run(self, stage: str, identity: str | None, *, is_continued: bool = False) -> Run:
        """The tracked run of a stage.

        The stage that opens a run sends what every run must have, configuration and
        parameters, each time that it is begun, since an earlier process may have died
        before it did; what the run has already stays. The parameters of a later stage are
        logged when that has finished.
        """
        from snowmelt.tracking import stale_runs
        from snowmelt.tracking.tracked_run import STREAMING, TrackedRun

        records, store = self.known_runs.run_records, self.known_runs.store
        stale_runs.mark_as_killed(records, store.location.shown)
        named, swept = choices(self.config, self.root), SweepJob.current().keys
        params = parameters.of_stage(self.config, stage, named, swept)
        opening: list[Operation] = []
        if stage == "train":
            opening = [{"do": "params", "params": params, "missing": True}]
        run = TrackedRun(
            self.record, records, store, settings_of(self.config),
            stage=stage, identity=identity, is_continued=is_continued,
            is_again=self.record.had_finished(stage), opening=opening,
        )  # fmt: skip
        if is_continued and (parent := os.environ.get(PARENT)):
            run.send({"do": "parent", "key": parent})  # a sweep goes on with its runs
        if is_continued and (name := SweepJob.current().name):
            run.set_tags({RUN_NAME: name})  # by what sets it apart in this sweep
        if stage not in STREAMING and params:
            run.send({"do": "params", "params": params})
        if stage == "train" or "train" not in self.record.stages:
            whole = yaml.safe_dump(dict(self.config), sort_keys=False, allow_unicode=True)
            run.log_configuration(redacted(whole))
            if again := descriptions.command():
                run.describe(f"Again: `{again}`")
        return run
