"""The section that says what is drawn: what is refused, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.sampling.settings import SampleSettings


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("num_samples", 0, "a positive integer"),
        ("batch_size", 0, "a positive integer"),
        ("weights", "both", "ema, raw, one like ema_0.999"),
        ("weights", "ema_1.5", "ema, raw, one like ema_0.999"),
        ("weights", "ema_-0.1", "ema, raw, one like ema_0.999"),
        ("weights", "posthoc_0.4", "ema, raw, one like ema_0.999"),
        ("weights", "posthoc_", "ema, raw, one like ema_0.999"),
        ("seed", -1, "an integer from 0 to 2^63 - 1"),
        ("seed", 2**63, "an integer from 0 to 2^63 - 1"),
        ("checkpoint", None, "a text"),
        ("device", True, "a text"),
        ("precision", "16-mixed", "32-true or bf16-mixed"),
        ("compile", "auto", "true or false"),
        ("png", -1, "an integer, 0 or more, at most 100,000,000 or all"),
        ("png", "some", "an integer, 0 or more, at most 100,000,000 or all"),
    ],
)
def test_a_value_that_is_refused_is_named(name: str, value: Any, must: str) -> None:
    with pytest.raises(UserError) as caught:
        SampleSettings.of({name: value})
    said = str(caught.value)
    assert said.startswith(f"sample.{name} must be {must}")
    assert f", got {value!r}" in said
    assert SampleSettings.of({"seed": 2**63 - 1}).seed == 2**63 - 1
