"""Whoever died when: the next command finds the run, and the run has all that it must."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.tracking.fake_server import FakeServer

from snowmelt import tracking
from snowmelt.tracking import parameters
from snowmelt.tracking.background_upload import BackgroundUpload
from snowmelt.tracking.choices import choices
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.run_records import RunRecords
from snowmelt.tracking.tracked_run import TrackedRun
from snowmelt.tracking.upload_queue import UploadQueue

DEAD = 9


def killed(owner: type, name: str, when: Callable[..., bool], after: bool = False) -> None:
    """Let this process die at a call of a method."""
    method = getattr(owner, name)

    def fatal(*given: Any, **named: Any) -> Any:
        if after:
            method(*given, **named)
        if when(*given, **named):
            os._exit(DEAD)
        return None if after else method(*given, **named)

    setattr(owner, name, fatal)


def always(*given: Any, **named: Any) -> bool:
    return True


def finishes(store: Any, run_id: str, status: str, time: int) -> bool:
    return status == "FINISHED"


def in_a_process_that_dies(moment: Any, stage: Any, project: Any) -> None:
    def run() -> None:
        if moment is not None:
            killed(*moment)
        stage(project)
        os._exit(DEAD)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode == DEAD


def train(project: Any) -> None:
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        run.flush()
        run.log_metrics({"loss": 1.0}, 1)


BIRTHS = {
    "before its first line": (TrackedRun, "__init__", always),
    "with its first line": (UploadQueue, "append", always, True),
    "before the configuration is kept": (TrackedRun, "log_configuration", always),
    "while the run is made": (Store, "create", always, True),
    "before the parameters are sent": (Store, "log_params", always),
    "after the parameters were sent": (Store, "log_params", always, True),
    "before the configuration is sent": (Store, "log_file", always),
    "after the configuration was sent": (Store, "log_file", always, True),
}


@pytest.mark.parametrize("moment", BIRTHS)
@pytest.mark.parametrize("is_cleaned", [False, True], ids=["at once", "after another"])
def test_a_training_that_died_at_its_birth_has_its_parameters(
    project: Any, server: FakeServer, moment: str, is_cleaned: bool
) -> None:
    in_a_process_that_dies(BIRTHS[moment], train, project)
    if is_cleaned:
        with tracking.open_sweep(project.config, project.root, name="other"):
            pass
    # What decides no weight may have changed meanwhile; the run keeps what it was told.
    project.config["tracking"]["cooldown_seconds"] = 0.04
    train(project)
    runs = [run for run in server.runs.values() if "stage.train" in run["tags"]]
    (run,) = runs
    named = choices(project.config, project.root)
    wanted = parameters.of_stage(project.config, "train", named)
    assert run["params"].keys() == wanted.keys()
    assert run["params"]["training.steps"] == "6"
    assert run["status"] == "FINISHED"
    assert run["metrics"] == [("loss", 1)]
    sent = [name for name in server.files if name.endswith("config.yaml")]
    assert len(sent) == 1 + is_cleaned


def sample(project: Any) -> None:
    with tracking.open_sampling(
        project.config, project.root, checkpoint="model-a", samples="samples-a"
    ) as run:
        run.log_text("samples/samples.json", "{}")


def evaluate(project: Any) -> None:
    path = project.root / "metrics.json"
    path.write_text(json.dumps({"frechet_distance": 3.5, "protocol": {"n": 5}}))
    with tracking.open_evaluation(
        project.config,
        project.root,
        samples="samples-a",
        request="of samples-a",
        checkpoint="model-a",
    ) as run:
        run.log_evaluation(path)


def report(project: Any) -> None:
    page = project.root / "index.html"
    page.write_text("page")
    with tracking.open_report(
        project.config, project.root, metrics=project.root / "metrics.json"
    ) as run:
        run.log_file(page, "report")


STAGES = {"train": train, "sample": sample, "evaluate": evaluate, "report": report}
ENDS = {
    "in the middle": (UploadQueue, "append", lambda q, *o: o[0]["do"] in ("file", "close")),
    "before it is noted": (RunRecords, "set_stage", lambda r, k, s, o, *x: o == "finished"),
    "after it is noted": (BackgroundUpload, "_close", always),
    "while it is sent": (Store, "set_status", finishes),
    "after it was sent": (Store, "set_status", finishes, True),
    "after its end": None,
}


@pytest.mark.parametrize("moment", ENDS)
@pytest.mark.parametrize("stage", ["sample", "evaluate", "report"])
def test_a_stage_that_died_at_its_end_goes_on_in_its_run(
    project: Any, server: FakeServer, stage: str, moment: str
) -> None:
    is_over = False
    for name, call in STAGES.items():
        if name == stage:
            in_a_process_that_dies(ENDS[moment], call, project)
            is_over = True
        call(project)
        if is_over and moment == "after its end":
            call(project)
    (run,) = server.runs.values()
    assert {run["tags"][f"stage.{name}"] for name in STAGES} == {"finished"}
    assert run["status"] == "FINISHED"
    assert sorted(run["metrics"]) == [("frechet_distance", 0), ("loss", 1)]
    assert sorted(name.rpartition("/")[2] for name in server.files) == [
        "config.yaml",
        "index.html",
        "metrics.json",
        "samples.json",
    ]


def test_so_it_does_where_no_training_is_known(project: Any, server: FakeServer) -> None:
    """A checkpoint of somebody else."""
    for moment in ENDS.values():
        in_a_process_that_dies(moment, sample, project)
    sample(project)
    (run,) = server.runs.values()
    assert run["tags"]["stage.sample"] == "finished"


def test_other_requests_open_runs_of_their_own(project: Any, server: FakeServer) -> None:
    for call in STAGES.values():
        call(project)
    for samples in ("samples-a", "samples-b", "samples-c", "samples-b"):
        with tracking.open_sampling(
            project.config, project.root, checkpoint="model-a", samples=samples
        ):
            pass
    assert len(server.runs) == 3
