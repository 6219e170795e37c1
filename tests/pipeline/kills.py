"""Kills a pipeline at chosen moments: between the openings of its files, and in a step.

A hook in each stage's interpreter counts what the stage does to files of the project:
opened for writing, renamed, made, removed, a database opened. At the chosen event it kills
the whole group of processes, DVC included, at once or a moment later.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from mlflow import MlflowClient
from mlflow.entities import FileInfo

from tests.project import clean_environment

# As `sitecustomize`, found beside the package in the PYTHONPATH that dvc.yaml sets.
HOOK = """
import json, os, signal, sys, threading, time

PLAN = json.loads(os.environ.get("KILL_PLAN", "null"))
STAGE, HERE, COUNTED = os.environ.get("DVC_STAGE"), os.getcwd(), [0]
CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def is_counted(event, given):
    if event == "open":
        path, mode, flags = given
        if not (flags or 0) & WRITES:
            return False
    elif event == "sqlite3.connect":
        return True
    elif event in CHANGES:
        path = given[0]
    else:
        return False
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    inside = text.startswith(HERE) or (text and not os.path.isabs(text))
    return inside and "__pycache__" not in text


def kill():
    time.sleep(PLAN["delay"])
    with open(PLAN["note"], "w") as stream:
        stream.write("killed")
    os.killpg(0, PLAN["signal"])


def watch(event, given):
    if not is_counted(event, given):
        return
    COUNTED[0] += 1
    if COUNTED[0] != PLAN["event"]:
        return
    if PLAN["delay"]:
        threading.Thread(target=kill, daemon=True).start()
    else:
        kill()


def report():
    with open(PLAN["note"] + "." + STAGE, "w") as stream:
        stream.write(str(COUNTED[0]))


if PLAN and STAGE and PLAN["stage"] in (STAGE, "none"):
    import atexit

    atexit.register(report)
    sys.addaudithook(watch)
"""


@dataclass(frozen=True)
class Moment:
    """When to kill: at which event of which stage, how long after it, and by what."""

    stage: str
    event: int
    delay: float
    signal: int


def install(clone: Path) -> None:
    """Put the hook where the stages of a clone find it, and git does not see it."""
    (clone / "src" / "sitecustomize.py").write_text(HOOK)
    with (clone / ".git" / "info" / "exclude").open("a") as stream:
        stream.write("src/sitecustomize.py\n")


def counted(clone: Path, note: Path, *targets: str) -> dict[str, int]:
    """Run the pipeline without a kill; how many events each stage has."""
    plan = {"stage": "none", "event": -1, "delay": 0, "signal": 0, "note": str(note)}
    assert _repro(clone, plan, *targets) == 0
    return {file.suffix[1:]: int(file.read_text()) for file in note.parent.glob("*.*")}


def moments(
    events: dict[str, int], stages: list[str], seed: int, share_terminated: float = 0.25
) -> list[Moment]:
    """A seeded moment each time that a stage is named; those of a stage follow each other.

    A training goes on where it was killed, so its moments share the events among them. Of
    what is killed a moment after an event, the stage may be over first: these come last.
    """
    random_ = random.Random(seed)
    chosen = []
    for stage in dict.fromkeys(stages):
        # The background's share of the events varies, so the last ones may not come.
        last = max(events[stage] * 9 // 10, 1)
        cuts = [random_.randint(1, last) for _ in range(stages.count(stage))]
        if stage == "train":
            cuts.sort()
            cuts = [max(b - a, 1) for a, b in zip([0, *cuts], cuts, strict=False)]
        delays = sorted(
            random_.choice((0.0, 0.0, random_.uniform(0.01, 0.4))) for _ in cuts
        )
        for event, delay in zip(cuts, delays, strict=True):
            number = 15 if random_.random() < share_terminated else 9
            chosen.append(Moment(stage, event, delay, number))
    return chosen


def kill_at(clone: Path, moment: Moment, note: Path) -> bool:
    """Run the pipeline up to a moment of a stage; whether it came, and all is gone."""
    note.unlink(missing_ok=True)
    plan = vars(moment) | {"note": str(note)}
    code = _repro(clone, plan, moment.stage)
    assert not wait_for_silence(clone), "a process outlived the kill"
    return note.exists() and code != 0


def _repro(clone: Path, plan: dict[str, object], *targets: str) -> int:
    with subprocess.Popen(
        ["dvc", "repro", *targets],
        cwd=clone,
        env=clean_environment({"KILL_PLAN": json.dumps(plan)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        return process.wait(900)


def wait_for_silence(clone: Path, seconds: float = 60) -> list[int]:
    """The processes that still work in the clone after a while; none, it is hoped."""
    deadline = time.monotonic() + seconds
    while (alive := _working_in(clone)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive


def _working_in(clone: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and Path(process.cwd()) == clone.resolve():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def drafts(clone: Path) -> list[str]:
    """What unfinished work left behind in the folders of outputs."""
    tops = [clone / name for name in ("outputs", "data", "reports", ".snowmelt")]
    found = [path for top in tops for path in top.rglob("*") if _is_draft(path)]
    return sorted(str(path.relative_to(clone)) for path in found)


def _is_draft(path: Path) -> bool:
    name = path.name
    kept = (".gitignore", ".gitkeep", ".lock", ".delivery.lock")  # the tracker's locks stay
    hidden = name.startswith(".") and name not in kept
    return hidden or name.endswith(".tmp") or name == "draft.ckpt"


def store_content(clone: Path) -> dict[str, object]:
    """What the store holds of the clone's runs: statuses, names of everything, steps."""
    client = MlflowClient(f"sqlite:///{clone / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    content: dict[str, object] = {"statuses": [run.info.status for run in runs]}
    for number, run in enumerate(runs):
        history = {
            key: sorted(
                metric.step for metric in client.get_metric_history(run.info.run_id, key)
            )
            for key in run.data.metrics
        }
        content[f"params {number}"] = run.data.params
        content[f"steps {number}"] = history
        files = _files(client, run.info.run_id)
        # The name of a picture says when it was taken, too.
        content[f"files {number}"] = sorted(
            name.partition("+timestamp+")[0] for name in files
        )
    return content


def _files(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    found: list[str] = []
    entries: list[FileInfo] = client.list_artifacts(run_id, folder)
    for entry in entries:
        inner = _files(client, run_id, entry.path) if entry.is_dir else [entry.path]
        found += inner
    return found
