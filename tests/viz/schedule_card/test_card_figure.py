from __future__ import annotations

import numpy as np
import pytest

from snowmelt.diffusion.schedule_diagnostics import ScheduleDiagnostics
from snowmelt.viz.schedule_card import card_figure as card
from snowmelt.viz.schedule_card.card_figure import card_figure
from snowmelt.viz.style import png_bytes

TIMES = [0.0, 0.5, 1.0]
ROWS = {"log-SNR at the data": ["9.12", "10.00"]}


def measured(label: str, slope: float = 1.0, **changed) -> ScheduleDiagnostics:
    t = np.linspace(0, 1, 11)
    log_snr = slope * (9 - 18 * t)
    return ScheduleDiagnostics(
        **{
            "label": label,
            "t": t,
            "log_snr": log_snr,
            "alpha_bar": 1 / (1 + np.exp(-log_snr)),
            "diffusion_sq": 0.1 + t,
            "density": np.full(11, 1 / (18 * slope)),
            "error_factor": np.exp(-log_snr / 2),
            "betas": np.linspace(0.01, 0.5, 4),
            "first_log_snr": 9.0,
            "last_log_snr": -9.0,
            "prior_kl": 1e-4,
            "clipped": None,
            "would_be_clipped": 0,
            "table_steps": 1000,
            "lost": 0,
            "is_untrained": False,
        }
        | changed
    )


def strip(points: bool = False) -> np.ndarray:
    shape = (3, 40, 2) if points else (3, 1, 1, 8, 8)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def drawn(*curves: ScheduleDiagnostics, words=None, points: bool = False):
    labels = [one.label for one in curves]
    return card_figure(
        curves,
        [strip(points) for _ in labels],
        TIMES,
        {"log-SNR at the data": ["9.12"] * len(labels)},
        words or {label: [] for label in labels},
        "process VariancePreserving",
    )


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def test_every_schedule_is_in_every_panel():
    figure = drawn(measured("one"), measured("two", 0.5))
    panels = [axes for axes in figure.axes if axes.get_title("left")]
    assert len(panels) == 6
    one, two = measured("one"), measured("two", 0.5)
    for axes, name in zip(
        panels,
        ("log_snr", "alpha_bar", "density", "diffusion_sq", "betas", "error_factor"),
        strict=True,
    ):
        lines = [line for line in axes.lines if len(line.get_ydata()) > 2]
        assert len(lines) == 2
        for line, source in zip(lines, (one, two), strict=True):
            assert np.array_equal(line.get_ydata(), getattr(source, name))
        styles = {line.get_linestyle() for line in lines}
        assert len(styles) == 2, "curves must differ in a gray print too"
    density = panels[2].lines[1]
    assert np.array_equal(density.get_xdata(), two.log_snr)
    betas = panels[4].lines[0]
    assert np.allclose(betas.get_xdata(), [0.25, 0.5, 0.75, 1.0])


def test_a_legend_names_the_schedules_where_there_are_several():
    figure = drawn(measured("one"), measured("two", is_untrained=True))
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["one", "two (untrained)"]
    assert not drawn(measured("one")).legends


def test_a_strip_has_a_picture_for_each_time():
    figure = drawn(measured("one"), measured("two"))
    pictures = [axes for axes in figure.axes if axes.images]
    assert [len(axes.images) for axes in pictures] == [3, 3]
    first = pictures[0].images[0]
    expected = np.clip((strip()[0, 0, 0] + 1) / 2, 0, 1)
    assert np.allclose(first.get_array(), expected)
    assert first.get_clim() == (0, 1)
    assert "t = 0\n0.5\n1" in texts(figure)


def test_points_are_clouds():
    figure = drawn(measured("one"), points=True)
    (axes,) = [axes for axes in figure.axes if axes.collections]
    assert len(axes.collections) == 3
    assert not axes.images
    offsets = axes.collections[0].get_offsets()
    assert len(offsets) == 40
    x = np.asarray(offsets)[:, 0]
    centred = strip(points=True)[0, :, 0]
    assert np.corrcoef(x, centred)[0, 1] == pytest.approx(1)


def test_words_are_all_there_and_errors_differ_from_warnings():
    long = "error: prediction, schedule: " + "because of this " * 20
    words = {"one": [long, "warning: hm"], "two": []}
    figure = drawn(measured("one"), measured("two"), words=words)
    said = texts(figure)
    assert said.count("because of this") + said.count("because of\n") >= 18
    assert f"two: {card.NOTHING}" in said
    colours = {text.get_text()[:11]: text.get_color() for text in figure.texts}
    assert len({colours["one: error:"], colours["one: warnin"]}) == 2


def test_without_a_curve_the_words_stand_alone():
    figure = card_figure([], [], TIMES, {}, {"one": ["error: all of it"]}, "x")
    assert not figure.axes
    assert "one: error: all of it" in texts(figure)
    assert figure.get_figheight() < 3


def test_infinite_ends_and_peaks_do_not_flatten_the_rest():
    t = np.linspace(0, 1, 11)
    log_snr = 9 - 18 * t
    log_snr[-1] = -400.0
    rate = 0.1 + t
    rate[-1] = np.inf
    density = np.full(11, 0.05)
    density[0] = 50.0
    wild = measured("wild", log_snr=log_snr, diffusion_sq=rate, density=density)
    figure = drawn(wild, measured("tame"), measured("calm"))
    panels = [axes for axes in figure.axes if axes.get_title("left")]
    assert panels[0].get_ylim()[0] > -30
    assert panels[2].get_ylim()[1] < 1
    assert panels[3].get_ylim()[1] < 1e6
    png_bytes(figure)


def test_no_word_or_number_runs_off_the_page():
    names = [f"a rather long name {i}" for i in range(6)]
    figure = drawn(*(measured(name) for name in names))
    figure.draw_without_rendering()
    width = figure.bbox.width
    for text in figure.texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= width + 1, text.get_text()


def test_the_same_card_gives_the_same_bytes():
    assert png_bytes(drawn(measured("one"))) == png_bytes(drawn(measured("one")))
