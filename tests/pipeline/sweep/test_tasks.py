"""Tasks: each is done once, whoever begins it, and whatever goes wrong is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.sweep.fake_tasks import fake_tasks

from snowmelt.common.folder_lock import only_one_in
from snowmelt.pipeline.sweep import job_processes, tasks
from snowmelt.pipeline.sweep.tasks import JobTask, Outcome, SharedTask


def job(folder: Path, **changes: Any) -> JobTask:
    given: dict[str, Any] = {
        "label": "job 1 of 1: cosine",
        "command": "pipeline",
        "root": folder,
        "folder": folder / "jobs" / "ab",
        "config": "seed: 1\n",
        "file": folder / "jobs" / "ab" / "job.yaml",
        "identity": "abcd",
        "metrics": folder / "jobs" / "ab" / "reports" / "metrics.json",
        "overrides": {"schedule": "cosine"},
    }
    return JobTask(**{**given, **changes})


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The configurations that were run, by a pipeline that writes numbers alone."""
    run: list[Path] = []

    def stage(command: str, file: Path, *_: Any) -> str:
        run.append(file)
        metrics = file.parent / "reports" / "metrics.json"
        metrics.parent.mkdir(exist_ok=True)
        metrics.write_text("{}")
        return ""

    monkeypatch.setattr(tasks, "run_stage", stage)
    return run


def test_a_job_that_finished_is_not_run_again(
    tmp_path: Path, pipelines: list[Path]
) -> None:
    one = job(tmp_path)
    assert not one.is_done
    assert not one().was_done
    assert one.file.read_text() == "seed: 1\n"
    assert one.is_done
    assert one() == Outcome(was_done=True)
    assert len(pipelines) == 1
    assert not job(tmp_path, identity="other").is_done, "another job under this name"
    one.metrics.write_text('{"loss": 1}')
    assert not one.is_done, "its numbers were changed"
    assert not one().was_done
    assert len(pipelines) == 2


def test_a_job_that_was_killed_or_failed_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipelines: list[Path]
) -> None:
    one = job(tmp_path)
    one.record.begin(one.overrides)
    assert not one.is_done, "killed in the middle"
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "run_stage", lambda *_: "no room left")
        assert one().error == "no room left"
    assert not one.is_done
    assert one().error == ""
    assert one.is_done


def test_two_at_once_do_a_job_one_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (task,) = fake_tasks(tmp_path, ["well"], seconds=0.8)
    found: list[Outcome] = []
    threads = [threading.Thread(target=lambda: found.append(task())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.was_done for outcome in found) == [False, True, True]
    assert "job 0 waits: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "busy", ["jobs/ab.once", "shared/model_1.once", "jobs/ab/outputs/model"]
)
def test_one_job_at_a_time_and_one_training(
    tmp_path: Path, pipelines: list[Path], busy: str
) -> None:
    trained, model = tmp_path / "shared/model_1", tmp_path / "jobs/ab/outputs/model"
    one = job(tmp_path, trained=trained, writes=[model])
    with only_one_in(tmp_path / busy, "another sweep", otherwise=""):
        thread = threading.Thread(target=one)
        thread.start()
        time.sleep(0.3)
        assert pipelines == []
    thread.join(30)
    assert len(pipelines) == 1


def test_a_disk_that_takes_nothing_fails_the_job_alone(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("no folder")
    assert "jobs" in job(tmp_path)().error


def test_a_stage_whose_folder_was_named_by_hand_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.shared_stages, "is_whole", lambda *_: True)
    given = {
        key: getattr(job(tmp_path), key) for key in ("label", "root", "config", "file")
    }
    named = SharedTask(**given, command="prepare", folder=tmp_path / "prepared_ab")
    assert named.is_done
    typed = SharedTask(**given, command="prepare", folder=tmp_path / "x", is_named=False)
    assert not typed.is_done


@pytest.mark.parametrize(
    ("code", "tail", "said"),
    [
        (2, b"10 %\nsnowmelt train: error: no data\n\n", "snowmelt train: error: no data"),
        (-9, b"10 %", "it was ended by SIGKILL, as the system does for lack of memory"),
        (-15, b"", "it was ended by SIGTERM"),
        (3, b"", "it ended with status 3"),
    ],
)
def test_why_a_process_ended(code: int, tail: bytes, said: str) -> None:
    assert job_processes.said_of(code, tail) == said


def test_the_output_of_a_stage_is_shown_or_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing, log = tmp_path / "no.yaml", tmp_path / "job.log"
    for place in (None, log):
        said = job_processes.run_stage("compose", missing, tmp_path, {}, place)
        assert said.startswith("snowmelt compose: error: "), said
        shown = capfd.readouterr().err
        assert (said in shown) == (place is None)
    assert said in log.read_text()


def test_a_job_is_no_part_of_an_allocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    found = job_processes.environment_here(tmp_path)
    assert not {"SLURM_NTASKS", "SUBMITIT_EXECUTOR"} & set(found)
    assert found["CUDA_VISIBLE_DEVICES"] == "2"
