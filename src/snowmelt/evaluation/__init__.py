"""Evaluation: what samples and a denoiser are worth, under a stated protocol.

Distances between sets of points, the numbers of metrics.json with their floors (`readings`)
and the comparison of jobs are here by name; each is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "Job": "comparison",
    "compare": "comparison",
    "comparison_table": "comparison",
    "energy_distance": "metrics.pairwise",
    "readings": "catalogue.readings",
    "sliced_wasserstein_2": "metrics.wasserstein",
    "squared_mmd": "metrics.pairwise",
    "wasserstein_2": "metrics.wasserstein",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"snowmelt.evaluation has no {name}: {', '.join(_MODULES)}")
    return getattr(importlib.import_module(f"snowmelt.evaluation.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
