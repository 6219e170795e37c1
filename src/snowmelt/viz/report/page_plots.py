"""The plots of the page, as far as there is something to draw."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from snowmelt.evaluation import number_format
from snowmelt.evaluation.catalogue.readings import Reading
from snowmelt.viz.plots import bound_terms, metric_bars, point_scatter, training_curves
from snowmelt.viz.report.report_material import Material


def plots(material: Material, known: list[Reading]) -> Iterator[tuple[str, Figure, str]]:
    """The name of each plot that there is something to draw for, and its words."""
    if not material.is_images:
        clouds = [
            point_scatter.thinned(part) for part in (material.real, material.generated)
        ]
        figure = point_scatter.clouds_beside(clouds, ["real", "generated"])
        yield "clouds", figure, "real points beside generated points"
    if material.losses:
        figure = training_curves.training_curves(material.losses)
        words = (
            "loss, learning rate, gradient norm and throughput against the training step"
        )
        yield "curves", figure, words
    if material.schedule is not None:
        name, t, log_snr = material.schedule
        figure = training_curves.schedule_plot({name: (t, log_snr)})
        words = f"log SNR, alpha bar and sigma of the schedule {name} against time"
        yield "schedule", figure, words
    if compared := [reading for reading in known if reading.floor is not None]:
        words = "; ".join(
            f"{reading.label} {reading.text}, {reading.floor_label} {reading.floor_text}"
            for reading in compared
        )
        yield "floors", metric_bars.metrics_with_floor(compared), words
    if material.likelihood and "bound" in (material.metrics.get("likelihood") or {}):
        sums = bound_terms.sums(material.likelihood).items()
        terms = ", ".join(f"{name} {number_format.number(bits)}" for name, bits in sums)
        words = (
            f"bits a dimension of the variational bound at each log SNR; in all: {terms}"
        )
        yield "bound", bound_terms.bound_terms(material.likelihood), words
    if found := material.metrics.get("loss_by_log_snr"):
        figure = training_curves.loss_by_log_snr(
            found["edges"], found["loss"], found.get("spread")
        )
        yield "by-log-snr", figure, "held-out loss at each log SNR"
