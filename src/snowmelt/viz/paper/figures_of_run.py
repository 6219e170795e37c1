"""The figures of a run that a paper may show: those of its report, to be drawn again."""

from __future__ import annotations

from matplotlib.figure import Figure
from PIL import Image

from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.report.report_files import standalone
from snowmelt.viz.report.report_material import Material
from snowmelt.viz.run_figures.run_pictures import figures_of_points


def figures_of_run(material: Material) -> dict[str, Figure | Image.Image]:
    """The figures by name, those that there is something to draw for."""
    found = standalone(material)
    if not material.is_images:
        ways, truth = material.ways, material.truth
        for name, draw in figures_of_points(material.real, ways, truth).items():
            with left_out_if_it_fails(name):
                found[name] = draw()
    elif "trajectory" in material.ways:
        with left_out_if_it_fails("trajectory"):
            found["trajectory"] = denoising_strip(
                **material.ways["trajectory"], value_range=material.manifest["value_range"]
            )
    return found
