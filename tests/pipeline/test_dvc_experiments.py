"""Experiments of DVC: run here, in a copy or from the queue, named, and shown in full."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.pipeline.clone import AUTHOR, make_clone, set_params
from tests.project import ROOT, clean_environment, run_command, succeed

WIDTH = 120
NAMED = {f"GIT_{who}_{what}": "tester@example.org"
         for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip


def dvc(*arguments: str, cwd: Path) -> str:
    """Run DVC as a user with a terminal of 120 columns; what it printed."""
    environment = NAMED | {"COLUMNS": str(WIDTH)}
    command = [sys.executable, "-m", "dvc", *arguments]
    return succeed(run_command(*command, cwd=cwd, environment=environment)).stdout


def commit(folder: Path) -> None:
    for command in (["add", "-A"], [*AUTHOR, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env=clean_environment())


def names(folder: Path) -> set[str]:
    return set(dvc("exp", "list", "--name-only", cwd=folder).split())


def at(folder: Path, name: str, file: str) -> str:
    """A file as an experiment left it."""
    command = ["git", "show", f"{revision(folder, name)}:{file}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def revision(folder: Path, name: str) -> str:
    command = ["git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    (found,) = [line for line in done.stdout.splitlines() if line.endswith(f"/{name}")]
    return found.split()[0]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A project with images in data/raw, which git ignores; nothing has been run."""
    clone = make_clone(tmp_path / "clone", "data.size=8", "data.channels=1")
    generator = np.random.default_rng(0)
    for number in range(12):
        folder = clone / "data" / "raw" / str(number % 2)
        folder.mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    set_params(clone, data="folder")
    commit(clone)
    return clone


@pytest.mark.slow
def test_a_copy_has_the_images_that_git_ignores(pictures: Path) -> None:
    said = dvc("exp", "run", "--temp", "-n", "photos", "prepare", cwd=pictures)
    assert "data/raw: 12 files that git ignores" in said
    lock = yaml.safe_load(at(pictures, "photos", "dvc.lock"))
    dvc("repro", "prepare", cwd=pictures)
    here = yaml.safe_load((pictures / "dvc.lock").read_text())
    # The same data, by the digests of what was read and of what was made.
    assert lock["stages"]["prepare"]["deps"] == here["stages"]["prepare"]["deps"]
    assert lock["stages"]["prepare"]["outs"] == here["stages"]["prepare"]["outs"]
    manifest = json.loads((pictures / "data/prepared/manifest.json").read_text())
    assert manifest["count"] == 12


@pytest.fixture(scope="module")
def experiments(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project in which experiments ran here, in a copy and from the queue."""
    folder = tmp_path_factory.mktemp("experiments") / "clone"
    shutil.copytree(finished, folder, symlinks=True)
    commit(folder)
    dvc("exp", "run", "-n", "here", "-S", "schedule=linear", cwd=folder)
    dvc("exp", "run", "--temp", "-n", "copy", "-S", "schedule=linear", cwd=folder)
    dvc("exp", "run", "--queue", "-n", "mine", "-S", "seed=1,2", cwd=folder)
    queue = ["queue", "schedule=linear,sigmoid", "sampler.steps=5"]
    command = [sys.executable, "-m", "snowmelt", *queue]
    succeed(run_command(*command, cwd=folder, environment=NAMED))
    dvc("queue", "start", "-j", "2", cwd=folder)
    try:
        wait_for_the_queue(folder)
        yield folder
    finally:
        dvc("queue", "stop", "--kill", cwd=folder)


def wait_for_the_queue(folder: Path) -> None:
    deadline = time.monotonic() + 1500
    while time.monotonic() < deadline:
        said = dvc("queue", "status", cwd=folder)
        if not re.search(r"\b(Queued|Running)\b", said):
            assert "Failed" not in said, said
            return
        time.sleep(2)
    raise TimeoutError(said)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_experiment_is_there_by_its_name(experiments: Path) -> None:
    queued = {"linear-sampler.steps-5", "sigmoid-sampler.steps-5"}
    assert names(experiments) == {"here", "copy", "mine-1", "mine-2", *queued}
    for name, keys in {
        "here": {"schedule": "linear"},
        "mine-2": {"seed": 2},
        "sigmoid-sampler.steps-5": {"schedule": "sigmoid"},
    }.items():
        params = yaml.safe_load(at(experiments, name, "params.yaml"))
        assert {key: params[key] for key in keys} == keys
    config = yaml.safe_load(at(experiments, "sigmoid-sampler.steps-5", "params.yaml"))
    assert "sampler.steps=5" in config["overrides"]
    assert "training.steps=40" in config["overrides"], "what stood there stays"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_copy_ends_in_the_same_numbers(experiments: Path) -> None:
    here, copy = (at(experiments, name, "dvc.lock") for name in ("here", "copy"))
    assert here == copy
    metrics = (at(experiments, name, "reports/metrics.json") for name in ("here", "copy"))
    assert len(set(metrics)) == 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_they_are_shown_in_a_table_that_fits(experiments: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    (drop,) = re.findall(r"dvc exp show --only-changed --drop '(\S+)'", makefile)
    show = ["exp", "show", "--only-changed"]
    # The tests' own list of overrides is wider than any terminal.
    fitting = f"{drop}|overrides"
    for shown, words in {
        dvc(*show, "--no-pager", cwd=experiments): ("frechet_distance", "here"),
        dvc(*show, "--no-pager", "--drop", fitting, cwd=experiments): (
            *("frechet_distance", "bound_bits_per_dim", "schedule", "linear", "sigmoid"),
        ),
    }.items():
        assert max(map(len, shown.splitlines())) <= WIDTH
        assert [word for word in words if word not in shown] == []
    table = dvc(*show, "--csv", "--drop", drop, cwd=experiments)
    columns = next(csv.reader(io.StringIO(table)))
    known = {"Experiment", "rev", "typ", "parent", "State"}
    assert set(columns) - known == {
        *("frechet_distance", "bound_bits_per_dim"),
        *("schedule", "params.yaml:seed", "overrides"),
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_numbers_and_plots_are_compared_offline(experiments: Path, tmp_path: Path) -> None:
    revisions = [revision(experiments, name) for name in ("here", "mine-1")]
    found = json.loads(dvc("metrics", "diff", "--json", *revisions, cwd=experiments))
    changed = found["reports/summary.json"]
    assert changed.keys() >= {"frechet_distance", "bound_bits_per_dim"}
    assert len(changed) <= 3
    out = tmp_path / "plots"
    dvc("plots", "diff", "-o", str(out), *revisions, cwd=experiments)
    page = (out / "index.html").read_text()
    assert "held_out_loss" in page
    assert [*out.rglob("*_reports_figures_samples.png")]
    assert set(re.findall(r"https?://[^/\"]+", page)) <= {"https://vega.github.io"}
    assert "<script src" not in page


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_of_them_are_in_the_tracker_of_the_project(experiments: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{experiments / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    tagged = {
        run.data.tags.get("DVC_EXP_NAME"): run.data.tags
        for run in client.search_runs([experiment.experiment_id])
    }
    assert tagged.keys() >= {"here", "mine-1", "mine-2", "sigmoid-sampler.steps-5"}
    assert tagged["mine-1"]["stage.evaluate"] == "finished"
