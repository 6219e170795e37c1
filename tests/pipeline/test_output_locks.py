"""Two commands at once: the second hears who works there, and nothing is written."""

from __future__ import annotations

import multiprocessing
import os
import re
from pathlib import Path
from typing import Any

import pytest
from dvc.fs import localfs
from dvc.lock import LockError
from dvc.rwlock import rwlock
from omegaconf import OmegaConf

from snowmelt.common import distributed, stopping
from snowmelt.common.errors import UserError
from snowmelt.common.folder_lock import only_one_in
from snowmelt.pipeline import output_locks
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.command_line import OUTPUTS, STAGES
from snowmelt.pipeline.output_locks import only_command_in
from snowmelt.pipeline.stages import train
from tests.conftest import Mistake
from tests.project import ROOT

POINTS = ("experiment=points", "data=two_moons", "data.count=60", "data.held_out_count=40")
BUSY = re.compile(rf"another process works there \(process {os.getpid()} on .*, since 20")


@pytest.mark.parametrize(
    ("command", "busy"),
    [
        (("train",), "outputs/model"),
        (("sample", "out=mine"), "mine"),
        (("pipeline", "out=runs/a"), "runs/a/outputs/samples"),
        (("gallery", "out=mine"), "mine"),
    ],
)
def test_the_second_command_is_refused(
    workspace: Path, mistake: Mistake, command: tuple[str, ...], busy: str
) -> None:
    with only_one_in(workspace / busy, "snowmelt train", otherwise=""):
        before = sorted(workspace.rglob("*"))
        said = mistake(*command, "tracking=none", cwd=workspace)
        assert BUSY.search(said), said
        assert f"{workspace / busy}: another" in said
        assert sorted(workspace.rglob("*")) == before


def test_every_place_of_every_stage_is_locked() -> None:
    places = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/paths/default.yaml"))
    assert isinstance(places, dict)
    config = OmegaConf.create({"paths": places})
    written = output_locks.written_by("pipeline", config, Path("/there"))
    wanted = [config.paths[name] for name in places if name != "root"]
    assert sorted(written) == sorted(Path("/there") / place for place in wanted)
    assert list(output_locks.WRITTEN) == list(STAGES)
    for stage, names in output_locks.WRITTEN.items():
        assert OUTPUTS[stage].removeprefix("paths.") in names


def test_it_is_free_again_after_a_mistake(workspace: Path, mistake: Mistake) -> None:
    for _ in range(2):
        assert "run `snowmelt prepare`" in mistake("train", cwd=workspace)
    assert not list(workspace.rglob("*.lock"))


@pytest.mark.parametrize("group", [{"RANK": "1"}, {distributed.STARTED: "1"}])
def test_processes_of_one_group_do_not_lock_each_other_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: dict[str, str]
) -> None:
    with only_command_in([tmp_path / "out"], "train", tmp_path):
        for name, value in group.items():
            monkeypatch.setenv(name, value)
        with only_command_in([tmp_path / "out"], "train", tmp_path):
            pass
        assert (tmp_path / ".out.lock").is_file()
        for name in group:
            monkeypatch.delenv(name)


def test_an_equal_training_is_refused_with_and_without_a_tracker(
    workspace: Path, mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    assert main(["prepare", *POINTS]) == 0
    monkeypatch.setattr(train, "training_identity", lambda *_: "0123456789abcdef" * 4)
    state = workspace / ".snowmelt" / "resume" / "0123456789abcdef"
    for tracker in ("none", "mlflow"):
        with only_one_in(state, "snowmelt train", otherwise=""):
            said = mistake("train", *POINTS, f"tracking={tracker}", "out=b", cwd=workspace)
        assert BUSY.search(said), said
        assert "it has the same configuration, data and code" in said
        assert sorted(path.name for path in workspace.iterdir()) == [
            "conf", "data", "params.yaml"
        ]  # fmt: skip


# --- DVC --------------------------------------------------------------------------------


@pytest.fixture
def dvc_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(output_locks.BY_DVC, raising=False)
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    return tmp_path / ".dvc" / "tmp"


def test_dvc_refuses_a_stage_while_a_command_writes_there(
    tmp_path: Path, dvc_notes: Path
) -> None:
    """Before it deletes the outputs of the stage, that is."""
    model = os.fspath(tmp_path / "outputs" / "model")

    def repro() -> None:
        with rwlock(os.fspath(dvc_notes), localfs, "dvc repro", [], [model], False):
            pass

    with (
        only_command_in([Path(model)], "train", tmp_path),
        pytest.raises(LockError, match=rf"\(PID {os.getpid()}\): snowmelt train"),
    ):
        # DVC takes equal process numbers and commands for itself: another command it is.
        repro()
    repro()


def test_a_command_is_refused_while_dvc_runs_a_stage(
    tmp_path: Path, dvc_notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outs = [os.fspath(tmp_path / "reports" / "index.html")]
    with rwlock(os.fspath(dvc_notes), localfs, "dvc repro", [], outs, False):
        with (
            pytest.raises(UserError, match=rf"DVC works .*{os.getpid()}, `dvc repro`"),
            only_command_in([tmp_path / "reports"], "report", tmp_path),
        ):
            raise AssertionError("not reached")
        with only_command_in([tmp_path / "elsewhere"], "report", tmp_path):
            pass
        monkeypatch.setenv(output_locks.BY_DVC, "report")  # that is the stage itself
        with only_command_in([tmp_path / "reports"], "report", tmp_path):
            pass


def test_the_jobs_of_a_sweep_work_in_the_workspace_that_it_holds(
    tmp_path: Path, dvc_notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = tmp_path / "multirun" / "now"

    def run_job(told: Any) -> None:
        with only_command_in([jobs / "0" / "outputs"], "pipeline", tmp_path):
            told.set()

    fork = multiprocessing.get_context("fork")
    with only_command_in([jobs], "pipeline --multirun", tmp_path):
        monkeypatch.setenv(stopping.STARTER, str(os.getpid()))
        told = fork.Event()
        job = fork.Process(target=run_job, args=(told,))
        job.start()
        job.join(60)
        assert told.is_set()
