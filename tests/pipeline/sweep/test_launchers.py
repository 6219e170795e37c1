"""Launchers: every task in a process of its own, which no request to stop leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.pipeline.sweep.fake_tasks import FakeTask, began, fake_tasks, is_alive
from tests.project import ROOT, clean_environment

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.multirun_settings import ClusterSettings, MultirunSettings
from snowmelt.pipeline.sweep.launchers import Launcher, launcher_of, on_cluster
from snowmelt.pipeline.sweep.launchers.in_threads import InThreads
from snowmelt.pipeline.sweep.launchers.on_cluster import OnCluster
from snowmelt.pipeline.sweep.tasks import Outcome, Task

NAMES = ("serial", "joblib", "submitit")


def launcher(name: str, folder: Path, at_once: int = 2) -> Launcher:
    section = {"launcher": name, "at_once": at_once, "cluster": {"kind": "local"}}
    return launcher_of(MultirunSettings.of(section), folder / "cluster")


def ended(one: Launcher, tasks: list[FakeTask]) -> dict[int, Outcome]:
    begun: list[int] = []
    found = dict(one.run(tasks, begun.append))
    assert sorted(begun) == sorted(found) == list(range(len(tasks)))
    return found


# Where the processes of a cluster find the tasks of these tests.
SHARED = os.pathsep.join(
    [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
).strip(os.pathsep)


@pytest.fixture
def shared_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", SHARED)


@pytest.mark.usefixtures("shared_path")
@pytest.mark.parametrize("name", NAMES)
def test_each_task_has_a_process_and_a_failure_stops_no_other(
    tmp_path: Path, name: str
) -> None:
    tasks = fake_tasks(tmp_path, ["well", "killed", "well"])
    found = ended(launcher(name, tmp_path), tasks)
    assert [found[n].error for n in range(3)] == ["", "it ended with -9", ""]
    assert len({began(task)[2] for task in tasks}) == 3
    assert all(os.getpid() != began(task)[2] for task in tasks)
    assert not any(found[n].was_done for n in range(3))
    if name != "submitit":  # once more: what is done is found, whoever did it
        assert ended(launcher(name, tmp_path), tasks)[0].was_done


@pytest.mark.parametrize(("at_once", "cores"), [(1, 8), (2, 4), (3, 2), (20, 2)])
def test_the_cores_are_divided_among_those_that_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, cores: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    tasks = fake_tasks(tmp_path, ["well"] * 4)
    ended(InThreads(at_once), tasks)
    assert {began(task)[3] for task in tasks} == {str(cores)}


def test_the_processes_of_a_training_share_what_is_its_own(tmp_path: Path) -> None:
    (task,) = fake_tasks(tmp_path, ["well"])
    two = FakeTask(**{**vars(task), "processes": 2})
    assert two.unseen(8).variables["OMP_NUM_THREADS"] == "4"
    assert two.unseen(1).variables["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in two.unseen().variables


def test_who_says_how_many_threads_to_take_is_not_overruled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    tasks = fake_tasks(tmp_path, ["well", "well"])
    ended(InThreads(2), tasks)
    assert {began(task)[3] for task in tasks} == {"3"}


def test_so_many_run_at_a_time(tmp_path: Path) -> None:
    class Counted(Task):
        now, most = 0, 0

        def __init__(self) -> None:
            pass

        is_done = False  # type: ignore[assignment]

        def unseen(self, cores: int | None = None) -> Counted:
            return self

        def __call__(self) -> Outcome:
            with lock:
                Counted.now += 1
                Counted.most = max(Counted.most, Counted.now)
            time.sleep(0.2)
            with lock:
                Counted.now -= 1
            return Outcome()

        def _note(self, outcome: Outcome) -> None:
            pass

    lock = threading.Lock()
    assert len(dict(InThreads(3).run([Counted() for _ in range(7)], print))) == 7
    assert Counted.most == 3


PROGRAM = """
import sys
from pathlib import Path
from snowmelt.common import stopping
from tests.pipeline.sweep.fake_tasks import fake_tasks
from tests.pipeline.sweep.test_launchers import launcher
folder = Path(sys.argv[2])
try:
    with stopping.in_good_order():
        tasks = fake_tasks(folder, ["stays"] * 3)
        for _ in launcher(sys.argv[1], folder).run(tasks, print):
            pass
except stopping.Stopped:
    sys.exit(stopping.STATUS)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_stop_ends_all_that_runs_and_begins_nothing(tmp_path: Path, name: str) -> None:
    environment = clean_environment({"PYTHONPATH": SHARED})
    command = [sys.executable, "-c", PROGRAM, name, str(tmp_path)]
    process = subprocess.Popen(command, env=environment)
    tasks = fake_tasks(tmp_path, ["stays"] * 3)
    running = tasks[:1] if name == "serial" else tasks[:2]
    deadline = time.monotonic() + 120
    while not all((task.folder / "began").is_file() for task in running):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    deadline = time.monotonic() + 20
    while any(is_alive(began(task)[2]) for task in running):
        assert time.monotonic() < deadline, "a task goes on"
        time.sleep(0.1)
    assert not (tasks[2].folder / "began").is_file()


def test_what_a_cluster_is_asked_for() -> None:
    settings = ClusterSettings.of(
        {"minutes": 30, "gpus": 1, "partition": "short", "setup": ["module load cuda"]}
    )
    assert on_cluster.requested(settings) == {
        "name": "snowmelt",
        "timeout_min": 30,
        "cpus_per_task": 2,
        "gpus_per_node": 1,
        "slurm_partition": "short",
        "slurm_setup": ["module load cuda"],
    }


def test_a_cluster_that_is_not_here_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UserError, match=r"multirun\.launcher=submitit: .*where `sbatch` is"
    ):
        OnCluster(ClusterSettings.of({}), 2, tmp_path)


def test_a_job_that_the_cluster_loses_has_failed() -> None:
    class Lost:
        job_id = "17"

        def result(self) -> Outcome:
            raise RuntimeError("node failure\nJob 17 was lost")

    assert on_cluster._outcome(Lost()).error == "job 17 of the cluster: Job 17 was lost"
