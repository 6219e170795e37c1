from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.plots import training_curves


def lines(axes) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}


def test_smoothing_keeps_constants_and_the_start_of_a_line():
    constant = np.full(200, 3.0)
    assert np.allclose(training_curves.smoothed(constant), 3.0)
    straight = np.arange(200.0)
    smooth = training_curves.smoothed(straight, share=0.1)
    assert np.allclose(smooth[:190], straight[:190]), "centred, so without lag"


def test_smoothing_is_the_mean_of_its_window():
    values = np.random.default_rng(0).standard_normal(100)
    smooth = training_curves.smoothed(values, share=0.1)
    assert smooth[50] == pytest.approx(values[45:56].mean())
    assert smooth[0] == pytest.approx(values[0])
    assert smooth[99] == pytest.approx(values[94:].mean())


def test_training_curves_draw_the_columns_that_exist():
    step = np.arange(0, 100, 10.0)
    held_out = np.full(10, np.nan)
    held_out[[0, 5]] = [1.0, 0.5]
    figure = training_curves.training_curves(
        {
            "step": step,
            "loss": np.linspace(1, 0.5, 10),
            "held_out_loss": held_out,
            "gradient_norm": np.ones(10),
            "learning_rate": np.full(10, np.nan),
        }
    )
    assert [axes.get_title("left") for axes in figure.axes] == ["loss", "gradient norm"]
    drawn = lines(figure.axes[0])
    assert drawn["held out"].tolist() == [1.0, 0.5]


def test_a_wide_fall_gets_a_logarithmic_axis_and_a_narrow_one_does_not():
    step = np.arange(3.0)
    for last, scale in ((0.01, "log"), (0.5, "linear")):
        loss = np.array([1.0, 0.6, last])
        figure = training_curves.training_curves({"step": step, "loss": loss})
        assert figure.axes[0].get_yscale() == scale


def test_long_curves_are_thinned_but_keep_their_ends():
    step = np.arange(10_000.0)
    x, y = training_curves._finite(step, step)
    assert len(x) == training_curves.MOST_POINTS
    assert (x[0], x[-1]) == (0, 9999)
    assert (x == y).all()


def test_schedule_plot_draws_the_two_scales_of_a_preserving_process():
    t = np.linspace(0, 1, 7)
    log_snr = np.linspace(9, -9, 7)
    figure = training_curves.schedule_plot({"straight": (t, log_snr), "flat": (t, 0 * t)})
    left, middle, right = figure.axes
    assert np.allclose(lines(left)["straight"], log_snr)
    alpha_bar = np.asarray(middle.lines[0].get_ydata())
    sigma = np.asarray(right.lines[0].get_ydata())
    assert np.allclose(alpha_bar + sigma**2, 1)
    assert np.allclose(np.log(alpha_bar / sigma**2), log_snr)
    assert np.allclose(middle.lines[1].get_ydata(), 0.5)
    styles = [line.get_linestyle() for line in middle.lines]
    assert len(set(styles)) == 2, "curves must differ in a gray print too"


def test_loss_bars_stand_in_their_intervals():
    figure = training_curves.loss_by_log_snr([-2, 0, 4], [0.9, 0.3], [0.1, 0.1])
    bars = figure.axes[0].patches
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars] == [
        (-2, 2, 0.9),
        (0, 4, 0.3),
    ]


def test_a_single_value_is_seen():
    one, two = (
        {"step": np.arange(n), "loss": np.ones(n), "gradient_norm": np.ones(n)}
        for n in (1, 2)
    )
    for columns, marker in ((one, "."), (two, "")):
        figure = training_curves.training_curves(columns)
        drawn = [line.get_marker() for axes in figure.axes for line in axes.lines]
        assert drawn.count(".") == (2 if marker else 0)
