"""The pipeline: configuration, stages, sweeps and the command line.

`compose` gives the configuration that the command line would use, and `run_stage` runs one
of its stages. Each name is imported when it is asked for, so that `--help` answers at once.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "compose": "config.composition",
    "issues": "compatibility.configuration_rules",
    "jobs_of": "sweep.tracked_jobs",
    "project_root": "config.composition",
    "run_stage": "cli",
    "schedule_card": "schedule_cards",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"snowmelt.pipeline has no {name}: {', '.join(_MODULES)}")
    return getattr(importlib.import_module(f"snowmelt.pipeline.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
