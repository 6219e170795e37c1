"""The section `evaluation.truth` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.evaluation.ground_truth.truth_settings import Settings

CONF = Path(__file__).parents[3] / "conf"


def test_the_shipped_section_is_the_default() -> None:
    section = plain(OmegaConf.load(CONF / "config.yaml").evaluation.truth)
    assert Settings.of(section) == Settings()
    assert section.keys() == Settings.__dataclass_fields__.keys()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"points": 1}, r"evaluation\.truth\.points must be an integer of at least 2"),
        ({"level_points": 1.5}, r"evaluation\.truth\.level_points must be"),
        ({"levels": 1}, r"evaluation\.truth\.levels must be"),
        ({"draws": 1}, r"evaluation\.truth\.draws must be"),
        ({"seed": -1}, r"evaluation\.truth\.seed must be a whole number"),
        ({"point": 3}, r"evaluation\.truth\.point is no setting, there are points, level"),
    ],
)
def test_values_that_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Settings.of(changes)


@pytest.mark.parametrize("key", ["points", "level_points", "levels", "draws"])
def test_the_least_value(key: str) -> None:
    assert getattr(Settings.of({key: 2}), key) == 2
