"""The sections that a training reads: what is taken, what is refused and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snowmelt.common.errors import UserError
from snowmelt.training.settings import (
    EMASettings,
    FitSettings,
    TrainerSettings,
    TrainingSettings,
)

SECTIONS = {s.key: s for s in (TrainingSettings, EMASettings, TrainerSettings)}
PARTS = ("schedule", "process", "prediction", "loss", "time_sampling", "net")
POSITIVE = (
    *("training.steps", "training.batch_size", "training.log_every"),
    *("training.picture_every", "training.checkpoint_every"),
    *("trainer.processes", "trainer.num_nodes"),
)


@pytest.mark.parametrize(
    ("key", "value", "must"),
    [
        *((key, 0, "a positive integer") for key in POSITIVE),
        ("training.steps", True, "a positive integer"),
        ("training.steps", 5.0, "a positive integer"),
        ("training.learning_rate", 0, "a positive number"),
        ("training.learning_rate", float("inf"), "a positive number"),
        ("training.learning_rate", "0.1", "a positive number"),
        ("training.warmup_steps", -1, "an integer, 0 or more"),
        ("training.weight_decay", -0.1, "a number, 0 or more"),
        ("training.gradient_clip", 0, "a positive number or null"),
        ("training.ema", 5, "a mapping"),
        ("training.ema.decay", -0.1, "a number in [0, 1)"),
        ("training.ema.decay", 1.0, "a number in [0, 1)"),
        ("training.ema.warmup_power", 0.0, "a number in (0, 1]"),
        ("training.ema.warmup_power", 1.5, "a number in (0, 1]"),
        ("trainer.accelerator", "tpu", "auto, cpu, gpu, cuda or mps"),
    ],
)
def test_a_value_that_is_refused_is_named(key: str, value: Any, must: str) -> None:
    section, _, name = key.rpartition(".")
    with pytest.raises(UserError) as caught:
        SECTIONS[section].of({name: value})
    said = str(caught.value)
    assert said.startswith(f"{key} must be {must.removesuffix(' or null')}")
    assert f", got {value!r}" in said


@pytest.mark.parametrize(
    "precision", ["bf16-true", "16-true", "64-true", "transformer-engine"]
)
def test_a_precision_that_changes_the_weights_is_refused_with_what_to_use(
    precision: str,
) -> None:
    with pytest.raises(UserError) as caught:
        TrainerSettings.of({"precision": precision})
    said = str(caught.value)
    assert said.startswith("trainer.precision must leave the weights and the noisy data in")
    assert "float32: use bf16-mixed, 16-mixed or 32-true" in said


def test_a_mistake_in_a_section_inside_another_has_its_full_key() -> None:
    with pytest.raises(UserError, match=r"^training\.ema\.decay must be .*, got 2$"):
        TrainingSettings.of({"ema": {"decay": 2}})
    with pytest.raises(UserError, match=r"^unknown key 'training\.ema\.deca' \(did you"):
        TrainingSettings.of({"ema": {"deca": 0.5}})


def test_an_unknown_key_is_said_beside_the_known_ones() -> None:
    known = ", ".join(TrainingSettings.model_fields)
    with pytest.raises(UserError) as caught:
        TrainingSettings.of({"step": 1})
    assert str(caught.value) == (
        "unknown key 'training.step' (did you mean 'steps'?). Known keys of training:"
        f" {known}"
    )


def test_the_ends_of_a_range_are_taken() -> None:
    assert EMASettings.of({"decay": 0, "warmup_power": 1}).decay == 0.0
    assert TrainingSettings.of({"gradient_clip": None}).gradient_clip is None
    assert TrainingSettings.of({"warmup_steps": 0, "learning_rate": 1}).learning_rate == 1


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TrainingSettings().steps = 5  # type: ignore[misc]


def test_a_part_or_the_seed_that_is_left_out_is_named() -> None:
    whole: dict[str, Any] = {"seed": 0} | {name: {"_target_": "some"} for name in PARTS}
    assert (
        FitSettings.of(whole | {"sampler": "not read"}).plain().keys()
        == FitSettings.model_fields.keys()
    )
    for name in whole:
        with pytest.raises(UserError, match=f"^{name} is missing$"):
            FitSettings.of({key: value for key, value in whole.items() if key != name})
    for seed in (-1, 2**63):
        with pytest.raises(
            UserError, match=rf"^seed must be an integer from 0 to 2\^63 - 1, got {seed}$"
        ):
            FitSettings.of(whole | {"seed": seed})
    assert FitSettings.of(whole | {"seed": 2**63 - 1}).seed == 2**63 - 1
