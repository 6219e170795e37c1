"""kill -9 in the middle of training, then `dvc repro`: as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from mlflow import MlflowClient

from snowmelt.training.checkpoint import load
from tests.pipeline.clone import make_clone, repro
from tests.project import clean_environment

LONG = "training.steps=200"


def test_a_killed_training_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole = make_clone(tmp_path / "whole", LONG)
    repro(whole, "sample")
    killed = make_clone(tmp_path / "killed", LONG)
    repro(killed, "reference")
    _kill_while_training(killed)
    assert not (killed / "outputs/model/model.ckpt").exists()
    assert "train" in repro(killed, "sample")

    for name in ("model/model.ckpt", "model/losses.csv", "samples/samples.npy"):
        same = (whole / "outputs" / name).read_bytes()
        assert (killed / "outputs" / name).read_bytes() == same, name
    assert load(killed / "outputs/model/model.ckpt").step == 200
    _check_the_one_run(killed)


def _kill_while_training(clone: Path) -> None:
    """Start `dvc repro`, wait for a saved state, and kill the whole group."""
    with subprocess.Popen(
        ["dvc", "repro", "train"],
        cwd=clone,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 240
        while not list(clone.glob(".snowmelt/resume/*/last.ckpt")):
            assert time.monotonic() < deadline, "no state was saved"
            assert process.poll() is None, "the training ended before it could be killed"
            time.sleep(0.02)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)


def _check_the_one_run(clone: Path) -> None:
    """One run, finished, with every step logged once."""
    client = MlflowClient(f"sqlite:///{clone / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    for key in run.data.metrics:
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, key)]
        assert len(steps) == len(set(steps)), key
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted(metric.step for metric in losses) == list(range(5, 201, 5))
