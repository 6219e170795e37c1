"""When the pairs and the model of an iteration count as done, and when they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common.files import sha256
from snowmelt.common.records import file_digests, write_record
from snowmelt.pipeline.iterating.iteration_tasks import IterationTask, PairsTask
from snowmelt.pipeline.sweep.job_record import JobRecord

PLACE = {"label": "l", "root": Path(), "config": "", "file": Path("x.yaml")}


@pytest.fixture
def pairs(tmp_path: Path) -> PairsTask:
    """A task whose pairs are there, drawn by the model that is there."""
    model, folder = tmp_path / "model.ckpt", tmp_path / "pairs"
    model.write_bytes(b"weights")
    folder.mkdir()
    np.save(folder / "samples.npy", np.zeros((4, 2), np.float32))
    facts = {"num_samples": 4, "seed": 1000, "starts": "training"}
    drawn = {"checkpoint": {"sha256": sha256(model)}, "digests": file_digests(folder)}
    write_record(folder / "samples.json", facts | drawn)
    return PairsTask(command="sample", folder=folder, model=model, wanted=facts, **PLACE)


def test_pairs_of_this_model_are_drawn_once(pairs: PairsTask) -> None:
    assert pairs.is_done


@pytest.mark.parametrize(
    "other", [{"num_samples": 5}, {"seed": 2000}, {"starts": "held_out"}, {"more": 1}]
)
def test_pairs_that_were_asked_for_otherwise_are_drawn_anew(
    pairs: PairsTask, other: dict[str, Any]
) -> None:
    assert not replace(pairs, wanted={**pairs.wanted, **other}).is_done


@pytest.mark.parametrize("what", ["model", "gone", "samples", "record", "nothing"])
def test_pairs_of_another_model_and_damaged_ones_are_drawn_anew(
    pairs: PairsTask, what: str
) -> None:
    if what == "model":
        pairs.model.write_bytes(b"other weights")
    elif what == "gone":
        pairs.model.unlink()
    elif what == "samples":
        np.save(pairs.folder / "samples.npy", np.ones((4, 2), np.float32))
    elif what == "record":
        (pairs.folder / "samples.json").write_text("{}", encoding="utf-8")
    else:
        for file in pairs.folder.iterdir():
            file.unlink()
    assert not pairs.is_done


def test_an_iteration_is_done_while_its_model_is_there(tmp_path: Path) -> None:
    metrics, model = tmp_path / "metrics.json", tmp_path / "model.ckpt"
    task = IterationTask(
        command="pipeline", folder=tmp_path, identity="i", metrics=metrics, model=model,
        **PLACE,
    )  # fmt: skip
    for file in (metrics, model):
        file.write_text("{}", encoding="utf-8")
    JobRecord(tmp_path, "i", metrics).end({}, 1.0)
    assert task.is_done
    assert not replace(task, identity="other").is_done
    model.unlink()
    assert not task.is_done, "the next iteration starts from it"
