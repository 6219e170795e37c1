"""A stage that has no memory left ends in one line with the settings to lower."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from snowmelt.pipeline import memory_advice
from snowmelt.pipeline.config import composition
from tests.conftest import Mistake
from tests.project import ROOT

FAULTS = {
    "gpu": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cpu": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"),
    "numpy": MemoryError("Unable to allocate 2 GiB"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("command", "named"),
    [
        (
            "train",
            "trainer.accumulate=2 (the same training), lower training.batch_size",
        ),
        ("sample", "lower sample.batch_size (250)"),
        ("evaluate", "lower likelihood.batch_size (32), or sample.num_samples"),
        ("prepare", "data.size"),
    ],
)
def test_every_stage_names_its_settings(
    command: str,
    named: str,
    fault: str,
    workspace: Path,
    mistake: Mistake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*_: Any) -> Path:
        raise FAULTS[fault]

    stage = importlib.import_module(f"snowmelt.pipeline.stages.{command}")
    monkeypatch.setattr(stage, "run", run)
    said = mistake(command, cwd=workspace)
    assert "there is not enough memory (" in said
    assert named in said


@pytest.mark.parametrize(
    ("chosen", "parts"),
    [
        (("training.batch_size=8",), 2),
        (("training.batch_size=12", "trainer.accumulate=2"), 3),
        (("training.batch_size=12", "trainer.processes=2", "trainer.accumulate=3"), 6),
        (("training.batch_size=4", "trainer.accumulate=4"), None),
        (("training.batch_size=1",), None),
    ],
)
def test_a_training_is_advised_to_take_more_parts_where_it_can(
    chosen: tuple[str, ...], parts: int | None
) -> None:
    config = composition.compose(ROOT, chosen, is_checked=False)
    said = memory_advice.advice("train", config)
    assert ("trainer.accumulate=" in said) == (parts is not None)
    if parts:
        assert f"trainer.accumulate={parts} " in said


def test_under_torchrun_the_share_is_that_of_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch of 6 in two processes: shares of 3, which two parts do not divide."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    config = composition.compose(ROOT, ["training.batch_size=6"], is_checked=False)
    assert "trainer.accumulate=3 " in memory_advice.advice("train", config)


@pytest.mark.parametrize(
    ("net", "is_same"),
    [("net=unet_lean", True), ("net=unet_base", False), ("net.dropout=0.1", False)],
)
def test_parts_are_the_same_training_without_dropout(net: str, is_same: bool) -> None:
    config = composition.compose(ROOT, [net], is_checked=False)
    said = memory_advice.advice("train", config)
    assert ("(the same training)" in said) == is_same
    assert ("(with net.dropout another training)" in said) == (not is_same)


@pytest.mark.parametrize("command", ["mcmc", "gallery"])
def test_what_shows_a_density_names_its_points(command: str) -> None:
    config = composition.compose(ROOT, is_checked=False)
    assert f"lower {command}.points" in memory_advice.advice(command, config)
