"""Who has a GPU and does not use it is told what to type."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from snowmelt.pipeline.before_training import unused_gpus
from snowmelt.training.settings import TrainerSettings


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes this machine one with so many GPUs."""

    def make(count: int, *, has_bf16: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Model T")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)

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
        (2, {"accelerator": "gpu", "processes": 2}, "and 2 compute in float32"),
        (1, {"accelerator": "gpu", "precision": "bf16-mixed"}, None),
        (2, {"accelerator": "auto", "processes": 2, "precision": "bf16-mixed"}, None),
    ],
)
def test_what_is_idle_is_told(
    gpus: Any, count: int, trainer: dict[str, Any], said: str | None
) -> None:
    gpus(count)
    found = unused_gpus.hint(TrainerSettings.of(trainer), 64)
    assert found is None if said is None else said in str(found)


@pytest.mark.parametrize("accelerator", ["gpu", "auto"])
def test_a_gpu_without_bfloat16_is_advised_none(gpus: Any, accelerator: str) -> None:
    gpus(1, has_bf16=False)
    said = unused_gpus.hint(TrainerSettings(), 64)
    assert str(said).endswith("unused: trainer=gpu trains on one")
    computing = TrainerSettings.of({"accelerator": accelerator, "precision": "32-true"})
    assert unused_gpus.hint(computing, 64) is None
    imitating = TrainerSettings.of({"accelerator": accelerator, "precision": "bf16-mixed"})
    assert "imitates at a loss of speed: trainer.precision=32-true" in str(
        unused_gpus.hint(imitating, 64)
    )


@pytest.mark.parametrize(
    ("count", "batch_size", "trainer", "advised"),
    [
        (3, 64, {}, 2),
        (3, 96, {}, 3),
        (5, 128, {}, 4),
        (3, 7, {}, None),
        (4, 64, {"accumulate": 32}, 2),
        (3, 64, {"accelerator": "gpu", "precision": "bf16-mixed"}, 2),
        (3, 64, {"accelerator": "gpu", "precision": "bf16-mixed", "processes": 2}, None),
    ],
)
def test_as_many_processes_are_advised_as_share_a_batch(
    gpus: Any, count: int, batch_size: int, trainer: dict[str, Any], advised: int | None
) -> None:
    gpus(count)
    settings = TrainerSettings.of(trainer)
    said = str(unused_gpus.hint(settings, batch_size))
    found = [int(one) for one in re.findall(r"trainer\.processes=(\d+)", said)]
    assert found == ([] if advised is None else [advised])
    for processes in found:
        assert batch_size % (processes * settings.accumulate) == 0
        assert ("on all of them" in said) == (processes == count)
        is_left = f"the most that share training.batch_size={batch_size}" in said
        assert is_left == (processes < count)


def test_who_started_the_processes_by_hand_is_told_nothing(
    gpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(1)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert unused_gpus.hint(TrainerSettings(), 64) is None
