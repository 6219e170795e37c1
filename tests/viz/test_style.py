from __future__ import annotations

import warnings

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from snowmelt.viz import style
from snowmelt.viz.plots import training_curves


def figure() -> Figure:
    t = np.linspace(0, 1, 9)
    return training_curves.schedule_plot({"one": (t, 5 - 10 * t)})


def test_same_figure_gives_the_same_bytes_and_no_metadata():
    assert style.png_bytes(figure()) == style.png_bytes(figure())
    assert style.svg_text(figure()) == style.svg_text(figure())
    assert b"tEXt" not in style.png_bytes(figure())
    assert "<metadata>" not in style.svg_text(figure())


def test_the_users_matplotlibrc_changes_nothing():
    plain = style.png_bytes(figure())
    with matplotlib.rc_context(
        {"axes.facecolor": "red", "font.size": 20, "savefig.dpi": 30}
    ):
        assert style.png_bytes(figure()) == plain


def test_drawing_leaves_the_callers_settings_alone():
    before = dict(matplotlib.rcParams)
    style.png_bytes(figure())
    assert dict(matplotlib.rcParams) == before


def test_a_png_is_as_large_as_its_figure():
    drawn = figure()
    picture = style.rgb(drawn)
    inches = drawn.get_size_inches() * drawn.get_dpi()
    assert picture.size == tuple(np.floor(inches).astype(int))


def test_save_png_writes_figures_and_pictures(tmp_path):
    style.save_png(figure(), tmp_path / "a" / "figure.png")
    style.save_png(Image.new("L", (3, 2), 7), tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (3, 2)
        assert picture.getpixel((0, 0)) == 7
    assert (tmp_path / "a" / "figure.png").read_bytes() == style.png_bytes(figure())


def test_series_differ_in_colour_and_in_line():
    looks = [style.series(index) for index in range(6)]
    assert len({look["color"] for look in looks}) == 6
    assert len({str(look["linestyle"]) for look in looks}) == 6


def test_letters_that_the_font_lacks_are_drawn_without_a_word():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        drawn = Figure(figsize=(2, 1))
        drawn.suptitle("帽子")
        assert style.png_bytes(drawn)
        assert style.svg_text(drawn)
    assert [one for one in told if "Glyph" in str(one.message)] == []
