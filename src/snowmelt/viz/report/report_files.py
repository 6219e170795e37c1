"""Writing the report: the page, and its figures as files of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from snowmelt.common.files import new_directory, new_file
from snowmelt.viz.plots import (
    bound_terms,
    class_shares,
    image_grid,
    nearest_pairs,
    point_scatter,
    score_error_plot,
    training_curves,
)
from snowmelt.viz.report.page import pairs, render
from snowmelt.viz.report.report_material import EMBEDDED, Material
from snowmelt.viz.run_figures.run_pictures import save_pictures
from snowmelt.viz.style import save_png

MARKER = "samples.png"  # the figure that every report has
GRID_ROWS = 10


def write(material: Material, folder: Path) -> Path:
    """Write `index.html` and `figures/` into `folder`; return the page."""
    with new_directory(folder / "figures", MARKER) as draft:
        for name, figure in standalone(material).items():
            save_png(figure, draft / f"{name}.png")
        examples = material.real, material.generated, material.manifest["value_range"]
        save_pictures(draft, *examples, material.ways, material.truth)
        page = render(replace(material, pictures=_drawn(draft)))
    target = folder / "index.html"
    with new_file(target) as file:
        file.write_text(page, encoding="utf-8")
    return target


def _drawn(folder: Path) -> dict[str, bytes]:
    """The figures that the page embeds, as far as they could be drawn."""
    files = {name: folder / file for name, file in EMBEDDED.items()}
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


def standalone(material: Material) -> dict[str, Figure | Image.Image]:
    """The figures by name, those that there is something to draw for."""
    found: dict[str, Figure | Image.Image] = {}
    if material.is_images:
        value_range = material.manifest["value_range"]
        wide = image_grid.columns_within(image_grid.PAGE_PIXELS, material.generated)
        first = material.generated[: wide * GRID_ROWS]
        real, generated, columns = pairs(material)
        found["samples"] = image_grid.image_grid(first, value_range, wide)
        found["real_and_generated"] = image_grid.real_and_generated(
            real, generated, value_range, columns
        )
    else:
        real, generated = material.real, material.generated
        found["samples"] = point_scatter.scatter(generated)
        found["real_and_generated"] = point_scatter.scatter(generated, real)
    if material.losses:
        found["curves"] = training_curves.training_curves(material.losses)
    if material.likelihood:
        found["likelihood"] = bound_terms.bound_terms(material.likelihood)
    if material.score_error:
        found["score_error"] = score_error_plot.score_error(material.score_error)
    if material.by_class:
        found["by_class"] = class_shares.class_shares(material.by_class)
    if distances := material.truth.get("nearest"):
        found["nearest_distances"] = nearest_pairs.nearest_distances(distances)
    if material.schedule is not None:
        name, t, log_snr = material.schedule
        found["schedule"] = training_curves.schedule_plot({name: (t, log_snr)})
    return found
