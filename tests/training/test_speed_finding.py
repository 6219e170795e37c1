"""What was found is kept: for the machine, and for a training that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training import speed_finding
from snowmelt.training.settings import FitSettings, TrainerSettings
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
