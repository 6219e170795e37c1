"""Who has a GPU and does not use it is told what to type."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from snowmelt.pipeline.before_training import unused_gpus
from snowmelt.training.settings import TrainerSettings


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes this machine one with so many GPUs."""

    def make(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Model T")

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    return make


@pytest.mark.parametrize(
    ("count", "trainer", "said"),
    [
        (0, {}, None),
        (1, {}, "a GPU is here (Model T) and unused: trainer=gpu"),
        (2, {}, "2 GPUs are here (Model T) and unused: trainer=gpu"),
        (2, {}, "trainer=ddp trainer.processes=2 on all of them"),
        (2, {"accelerator": "gpu", "precision": "bf16-mixed"}, "2 GPUs are here"),
        (2, {"accelerator": "gpu", "precision": "bf16-mixed"}, "and 1 used"),
        (
            1,
            {"accelerator": "gpu"},
            "and computes in float32: trainer.precision=bf16-mixed",
        ),
        (2, {"accelerator": "gpu", "processes": 2}, "and all compute in float32"),
        (1, {"accelerator": "gpu", "precision": "bf16-mixed"}, None),
        (2, {"accelerator": "auto", "processes": 2, "precision": "bf16-mixed"}, None),
    ],
)
def test_what_is_idle_is_told(
    gpus: Any, count: int, trainer: dict[str, Any], said: str | None
) -> None:
    gpus(count)
    found = unused_gpus.hint(TrainerSettings.of(trainer))
    assert found is None if said is None else said in str(found)


def test_who_started_the_processes_by_hand_is_told_nothing(
    gpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(1)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert unused_gpus.hint(TrainerSettings()) is None
