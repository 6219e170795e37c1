"""The files of an iterated fitting, and what the tracker shows of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.evaluation.test_iteration_table import RESULTS
from tests.viz.plots.test_iteration_plot import points

from snowmelt.common.errors import PictureWarning
from snowmelt.viz.report import iteration_files


def test_text_tables_and_picture_are_written(tmp_path: Path) -> None:
    files = iteration_files.write(RESULTS, [points(1), points(2)], tmp_path)
    names = [f"iterations.{ending}" for ending in ("txt", "csv", "json", "png")]
    assert [file.name for file in files] == names
    assert "to the starts" in files[0].read_text(encoding="utf-8")
    assert len(json.loads(files[2].read_text(encoding="utf-8"))["iterations"]) == 2
    assert Image.open(files[3]).width > 900


def test_a_picture_that_fails_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "iterations.png").write_bytes(b"of an earlier one")
    monkeypatch.setattr(iteration_files, "iteration_picture", lambda *_: 1 / 0)
    with pytest.warns(PictureWarning, match="the picture of the iterations"):
        files = iteration_files.write(RESULTS, [], tmp_path)
    assert [file.suffix for file in files] == [".txt", ".csv", ".json"]


def test_the_description_has_table_links_and_command(tmp_path: Path) -> None:
    files = [tmp_path / "iterations.png"]
    said = iteration_files.description(
        RESULTS, files, lambda path: f"at:{path}", "snowmelt iterate count=2"
    )
    assert "| iteration" in said
    assert "[iterations.png](at:iterations/iterations.png)" in said
    assert said.endswith("Again: `snowmelt iterate count=2`")
