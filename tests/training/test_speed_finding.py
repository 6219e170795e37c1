"""What was found is kept: for the machine, and for a training that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training import speed_finding
from snowmelt.training.lightning_trainer import check_trainer
from snowmelt.training.settings import OPEN, FitSettings, TrainerSettings
from snowmelt.training.speed_finding import decided

AUTO = {"precision": "auto", "compile": "auto"}
Decide = Callable[..., TrainerSettings]


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch size of every probe that was made; the first finds bf16-mixed."""
    made: list[int] = []

    def fastest(settings: FitSettings, *_: Any) -> TrainerSettings:
        made.append(settings.training.batch_size)
        found = {"precision": "bf16-mixed" if len(made) == 1 else "32-true"}
        return settings.trainer.without_probe().model_copy(update=found)

    monkeypatch.setattr(speed_finding, "fastest", fastest)
    return made


@pytest.fixture
def decide(
    manifest: Manifest, tmp_path: Path, settings_of: Callable[..., FitSettings]
) -> Decide:
    data: Any = SimpleNamespace(manifest=manifest)

    def decide(name: str = "one", **sections: Any) -> TrainerSettings:
        settings = settings_of(**{"trainer": AUTO} | sections)
        return decided(settings, data, tmp_path / "speed", name, lambda _: None).trainer

    return decide


def test_the_same_machine_is_not_probed_again(decide: Decide, probes: list[int]) -> None:
    first = decide("one")
    assert first == decide("another") == TrainerSettings(precision="bf16-mixed")
    assert len(probes) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"training": {"batch_size": 4}},
        {"net": {"_target_": "snowmelt.nets.MLP", "width": 16}},
        {"trainer": AUTO | {"threads": "auto"}},
        {"denoiser": {"self_conditioned": True}},
        {"loss": {"_target_": "snowmelt.losses.Hybrid"}},
        {"process": {"_target_": "snowmelt.processes.SubVariancePreserving"}},
        {"schedule": {"_target_": "snowmelt.schedules.Learned"}},
    ],
)
def test_another_step_or_question_is(
    decide: Decide, probes: list[int], other: dict[str, Any]
) -> None:
    decide("one")
    assert decide("another", **other).precision == "32-true"
    assert len(probes) == 2


def test_how_a_group_is_watched_over_takes_no_time_of_a_step(
    decide: Decide, probes: list[int]
) -> None:
    decide("one")
    decide("another", trainer=AUTO | {"stall_seconds": 5.0, "max_restarts": 2})
    assert len(probes) == 1


def test_another_machine_is_probed_but_a_training_goes_on_as_it_began(
    decide: Decide, probes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("one")
    monkeypatch.setattr(speed_finding, "processor_name", lambda: "another processor")
    assert decide("one").precision == "bf16-mixed"
    assert len(probes) == 1
    assert decide("another").precision == "32-true"
    assert len(probes) == 2


def test_a_key_that_is_set_beats_what_was_found(decide: Decide, probes: list[int]) -> None:
    decide("one")
    asked = {"precision": "32-true", "compile": "auto"}
    assert decide("one", trainer=asked).precision == "32-true"


ALL = dict.fromkeys(OPEN, "auto")


def test_a_finding_answers_no_other_question(decide: Decide, probes: list[int]) -> None:
    """What it was not asked about is at its default there, and was not tried."""
    narrow = {"precision": "auto"}
    assert decide("one", trainer=narrow).precision == "bf16-mixed"
    assert decide("one", trainer=ALL).precision == "32-true"
    assert len(probes) == 2
    # Each question keeps its answer.
    assert decide("one", trainer=narrow).precision == "bf16-mixed"
    assert decide("one", trainer=ALL).precision == "32-true"
    assert len(probes) == 2


def test_a_wider_finding_of_the_same_numbers_serves(
    decide: Decide, probes: list[int]
) -> None:
    decide("one", trainer=ALL)
    fewer = ALL | {"threads": 2, "compile": False}
    assert decide("one", trainer=fewer) == TrainerSettings(
        precision="bf16-mixed", threads=2
    )
    assert len(probes) == 1
    # Beside float32 nothing was tried.
    decide("one", trainer=ALL | {"precision": "32-true"})
    assert len(probes) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"precision": "fast"})])
def test_a_damaged_finding_is_found_anew(
    decide: Decide, probes: list[int], tmp_path: Path, content: str
) -> None:
    decide("one")
    for path in (tmp_path / "speed").iterdir():
        path.write_text(content, encoding="utf-8")
    assert decide("one").precision == "32-true"
    assert len(probes) == 2


def test_a_process_of_a_group_is_probed_with_its_share(
    decide: Decide, probes: list[int]
) -> None:
    decide("one", trainer=AUTO | {"processes": 4}, training={"batch_size": 8})
    assert probes == [2]


def test_a_foreign_group_is_told_what_to_do(
    decide: Decide, probes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match=r"without torchrun, or set trainer\.precision"):
        decide("one")
    assert probes == []


BY_DEVICE = {"precision": "bf16-on-gpu", "accelerator": "auto"}


def gpu(monkeypatch: pytest.MonkeyPatch, *, has_bf16: bool = True, count: int = 1) -> None:
    """Make this machine one with a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")


@pytest.mark.parametrize(
    ("changes", "has_bf16", "precision"),
    [
        ({}, True, "bf16-mixed"),
        ({}, False, "32-true"),
        ({"accelerator": "cpu"}, True, "32-true"),
    ],
)
def test_the_device_decides_without_a_probe(
    decide: Decide,
    probes: list[int],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    has_bf16: bool,
    precision: str,
) -> None:
    gpu(monkeypatch, has_bf16=has_bf16)
    assert decide(trainer=BY_DEVICE | changes).precision == precision
    assert not probes


def test_without_a_gpu_it_is_float32(decide: Decide, probes: list[int]) -> None:
    assert not torch.cuda.is_available()
    assert decide(trainer=BY_DEVICE).precision == "32-true"
    assert not probes


def test_a_training_that_moves_to_another_device_keeps_its_numbers(
    decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        gpu(there)
        decide("one", trainer=BY_DEVICE)
    assert decide("one", trainer=BY_DEVICE).precision == "bf16-mixed"
    assert decide("another", trainer=BY_DEVICE).precision == "32-true"


def test_so_does_one_of_which_another_key_is_tried_out(
    decide: Decide, probes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = BY_DEVICE | {"compile": "auto"}

    def fastest(settings: FitSettings, *_: Any) -> TrainerSettings:
        probes.append(1)
        return settings.trainer.without_probe()

    monkeypatch.setattr(speed_finding, "fastest", fastest)
    with monkeypatch.context() as there:
        gpu(there)
        decide("one", trainer=asked)
    assert decide("one", trainer=asked).precision == "bf16-mixed"
    assert len(probes) == 1
    assert decide("another", trainer=asked).precision == "32-true"
    # In other numbers the network was not compiled on trial.
    decide("one", trainer={"compile": "auto"})
    assert len(probes) == 3


def test_torchrun_needs_no_probe_for_it(
    decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    gpu(monkeypatch)
    assert decide(trainer=BY_DEVICE).precision == "bf16-mixed"


def test_more_processes_than_gpus_are_refused(
    settings_of: Callable[..., FitSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    gpu(monkeypatch)
    settings = settings_of(trainer=BY_DEVICE | {"processes": 2})
    with pytest.raises(UserError, match=r"processes=2 .* has 1: set trainer\.processes=1"):
        check_trainer(settings)
