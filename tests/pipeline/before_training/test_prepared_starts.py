"""What only prepared starts tell is told before the training."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from tests.pipeline.small_flow import SMALL_FLOW
from tests.project import in_process, last_of_each

from snowmelt.pipeline.cli import main


@pytest.fixture
def labelled(workspace: Path) -> tuple[str, ...]:
    """A flow between two arrays, whose labels hide how many are held out."""
    for name, count in (("a", 200), ("b", 150)):
        random = np.random.default_rng(count)
        np.save(workspace / f"{name}.npy", random.normal(size=(count, 2)))
        np.save(workspace / f"{name}_labels.npy", random.integers(0, 2, count))
    data = ("data=array", "data.path=a.npy", "data.labels=a_labels.npy")
    start = ("start.of=array", "start.of.path=b.npy", "start.of.labels=b_labels.npy")
    return (*SMALL_FLOW, "tracking=none", *data, *start)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("sample.num_samples=31",), "31 is more than the 30 held-out starts"),
        (("sample.num_samples=5", "coupling=paired"), "both are split class by class"),
    ],
)
def test_a_pipeline_is_refused_after_prepare(
    labelled: tuple[str, ...],
    given: tuple[str, ...],
    said: str,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with contextlib.chdir(workspace):
        assert main(["pipeline", *last_of_each([*labelled, *given])]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "[2/7] prepare" in told.out
    assert "[3/7]" not in told.out


def test_a_training_alone_needs_no_samples_but_under_dvc(
    labelled: tuple[str, ...],
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stage in ("prepare", "train"):
        in_process(stage, *labelled, "training.steps=2", cwd=workspace)
    monkeypatch.setenv("DVC_STAGE", "train")
    with contextlib.chdir(workspace):
        assert main(["train", *last_of_each([*labelled, "training.steps=3"])]) == 2
    assert "100 is more than the 30 held-out starts" in capsys.readouterr().err
