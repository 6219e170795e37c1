"""What a notebook gets is the picture itself."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.viz.notebook import show
from snowmelt.viz.style import png_bytes


def test_a_figure_takes_its_own_inches() -> None:
    figure = Figure(figsize=(3.0, 1.0), dpi=144)
    shown = show(figure)
    assert shown.data == png_bytes(figure)
    assert shown.width == 288
    assert Image.open(io.BytesIO(shown.data)).size == (432, 144)


def test_pixels_stay_pixels() -> None:
    figure = Figure(figsize=(3.0, 1.0), dpi=100)
    assert show(figure).width is None
    picture = Image.new("L", (5, 7))
    shown = show(picture)
    assert shown.width is None
    assert Image.open(io.BytesIO(shown.data)).size == (5, 7)


@pytest.mark.parametrize("name", ["a.png", "a.GIF", "a.jpg"])
def test_a_file_may_go_afterwards(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    Image.new("L", (5, 7)).save(path)
    shown = show(path)
    content = path.read_bytes()
    path.unlink()
    assert shown.data == content
    assert shown.format == {"a.png": "png", "a.GIF": "gif", "a.jpg": "jpeg"}[name]


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got a\.txt"):
        show(tmp_path / "a.txt")
