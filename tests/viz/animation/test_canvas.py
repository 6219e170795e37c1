from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from snowmelt.viz.animation import canvas, gif
from snowmelt.viz.style import BLUE

EXTENT = (0.0, 1.0, 0.0, 1.0)


def stage(times, titles=("",), extent=EXTENT) -> canvas.Canvas:
    return canvas.Canvas(titles, extent, np.asarray(times, dtype=np.float64))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([1.0, 0.9, 0.0], [0.0, 0.1, 1.0]),  # by the time itself
        ([0.0, 0.9, 1.0], [0.0, 0.9, 1.0]),
        ([0.5, 0.5, 0.5], [0.0, 0.5, 1.0]),  # by frames
        ([1.0, 0.0, 0.5], [0.0, 0.5, 1.0]),
        ([1.0, np.nan, 0.0], [0.0, 0.5, 1.0]),
        ([1.0], [0.0]),
    ],
)
def test_the_clock_runs_with_time_where_time_runs(times, expected):
    found = [canvas.progress(np.asarray(times), index) for index in range(len(times))]
    assert np.allclose(found, expected)


def test_panels_are_square_inches_side_by_side_without_overlap():
    three = stage([1.0, 0.0], ("a", "b", "c"))
    size = three.figure.get_size_inches()
    boxes = [axes.get_position().bounds * np.tile(size, 2) for axes in three.panels]
    for box in boxes:
        assert box[2] == pytest.approx(box[3])
        assert box[2] == pytest.approx(three.side)
    lefts = [box[0] for box in boxes]
    assert min(np.diff(lefts)) > three.side
    assert [axes.get_title("left") for axes in three.panels] == ["a", "b", "c"]
    assert stage([1.0]).figure.get_size_inches()[1] < stage([1.0], "a").figure.bbox.height


def test_only_what_moves_changes_from_frame_to_frame(tmp_path):
    film = stage(np.linspace(1, 0, 4))
    (axes,) = film.panels
    axes.scatter([0.9], [0.9], c=BLUE, s=200)  # stands
    dot = axes.scatter([0.1], [0.5], c=BLUE, s=200)

    def show(index: int) -> None:
        dot.set_offsets([[0.1 + 0.2 * index, 0.5]])

    path = tmp_path / "film.gif"
    film.record(path, [dot], show, gif.palette([], [BLUE]), seconds=1.0)
    shown = []
    with Image.open(path) as film_:
        assert film_.n_frames == 4
        for index in range(4):
            film_.seek(index)
            shown.append(np.asarray(film_.convert("RGB"), dtype=int))
    side = film.side * canvas.DPI
    left, top = 0.14 * canvas.DPI, 0.14 * canvas.DPI

    def pixel(picture, x, y):
        return picture[int(top + (1 - y) * side), int(left + x * side)]

    blue, white = [0, 114, 178], [255, 255, 255]
    for index, picture in enumerate(shown):
        assert np.allclose(pixel(picture, 0.9, 0.9), blue, atol=4)
        for place in range(4):
            expected = blue if place == index else white
            assert np.allclose(pixel(picture, 0.1 + 0.2 * place, 0.5), expected, atol=4)
    above = slice(0, int(top + 0.4 * side))
    assert all((picture[above] == shown[0][above]).all() for picture in shown)
