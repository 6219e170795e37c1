"""The time that samples took is known by their identity, and is no part of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snowmelt.sampling.drawing_times import DrawingTimes

ONE, TWO = "a" * 64, "a" * 16 + "b" * 48


def test_the_last_time_is_kept(tmp_path: Path) -> None:
    times = DrawingTimes(tmp_path / "drawn")
    assert times.seconds(ONE) is None
    times.remember(ONE, 100, 2.5)
    times.remember(ONE, 100, 3.5)
    assert times.seconds(ONE) == 3.5
    assert times.seconds(TWO) is None, "it begins alike, but names other samples"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"identity": "%s", "seconds": "x"}', "\x00", '{"seconds": 1}']
)
def test_a_damaged_note_says_nothing(tmp_path: Path, text: str) -> None:
    times = DrawingTimes(tmp_path)
    times.remember(ONE, 1, 1.0)
    (note,) = tmp_path.glob("*.json")
    note.write_text(text.replace("%s", ONE))
    assert times.seconds(ONE) is None


def test_what_cannot_be_noted_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "drawn").write_text("a file")
    DrawingTimes(tmp_path / "drawn").remember(ONE, 1, 1.0)
    assert os.listdir(tmp_path) == ["drawn"]
