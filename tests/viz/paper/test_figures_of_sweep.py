"""A setting has its place and colour in every figure, whichever measure it shows."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure
from tests.evaluation.comparison.test_disagreement import jobs

from snowmelt.evaluation.comparison import compare
from snowmelt.viz.paper.figures_of_sweep import figures_of_sweep


def rows(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_settings_keep_their_places_where_another_measure_orders_them_anew() -> None:
    comparison = compare(jobs())
    assert comparison.others[0].groups[0].label == "sigmoid"
    found = figures_of_sweep(comparison)
    assert list(found) == ["comparison", "bound_bits_per_dim"]
    assert [rows(one) for one in found.values()] == [["cosine", "sigmoid", "linear"]] * 2
    axes = found["bound_bits_per_dim"].axes[0]
    assert axes.get_xlim()[0] > 2, "zero would flatten what differs by a tenth"
    told = "bits/dim (bound), lower is better\nbars: standard deviation over seeds."
    assert axes.get_xlabel() == told
    words = [text.get_text() for text in axes.texts]
    assert any(text.startswith("worse than sigmoid by 0.700 (") for text in words)


def test_errors_by_noise_level_are_drawn_where_they_were_measured() -> None:
    levels = {f"denoising_error_at_{level}": 0.1 + 0.01 * level for level in (-2, 0, 2)}
    measured = [replace(job, metrics={**(job.metrics or {}), **levels}) for job in jobs()]
    found = figures_of_sweep(compare(measured))
    assert list(found)[2:] == ["denoising_error", "denoising_ratio"]
    lines = found["denoising_error"].axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["cosine", "sigmoid", "linear"]
