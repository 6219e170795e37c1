"""Plots, animations and the report, drawn from arrays.

The plots that a notebook or a program asks for by name are here, and `show`, which displays
one in a notebook. matplotlib is imported when the first is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "chains_on_density": "plots.markov_chains",
    "cloud_animation": "animation.cloud_animation",
    "cloud_strip": "animation.cloud_animation",
    "clouds_beside": "plots.point_scatter",
    "StepCurve": "plots.flow_steps",
    "comparison_overview": "report.comparison_files",
    "denoising_strip": "plots.image_grid",
    "density_panels": "plots.density_plot",
    "fields": "plots.vector_fields",
    "flow_steps_figure": "plots.flow_steps",
    "headline_sentences": "report.headline",
    "image_grid": "plots.image_grid",
    "metrics_with_floor": "plots.metric_bars",
    "named_lines": "plots.lines",
    "paths_in_plane": "plots.sample_paths",
    "paths_in_plane_beside": "plots.sample_paths",
    "paths_in_time": "plots.sample_paths",
    "paths_in_time_beside": "plots.sample_paths",
    "real_and_generated": "plots.image_grid",
    "reverse_kernel_figure": "plots.reverse_kernel_plot",
    "scatter": "plots.point_scatter",
    "schedule_plot": "plots.training_curves",
    "show": "notebook",
    "training_curves": "plots.training_curves",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"snowmelt.viz has no {name}: {', '.join(_MODULES)}")
    return getattr(importlib.import_module(f"snowmelt.viz.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
