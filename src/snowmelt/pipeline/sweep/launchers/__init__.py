"""How the tasks of a sweep are started: one after another, several at once, on a cluster.

Each is a process of its own under all of them, so the outcome is the same.
"""

from __future__ import annotations

from pathlib import Path

from snowmelt.pipeline.config.multirun_settings import MultirunSettings
from snowmelt.pipeline.sweep.launchers.launcher import Launcher


def launcher_of(settings: MultirunSettings, folder: Path) -> Launcher:
    """The launcher that the settings name.

    Args:
        folder: where a cluster's files of its jobs go.

    Raises:
        UserError: what it needs is not installed, or not on this machine.
    """
    from snowmelt.pipeline.sweep.launchers.in_threads import InThreads
    from snowmelt.pipeline.sweep.launchers.on_cluster import OnCluster
    from snowmelt.pipeline.sweep.launchers.one_by_one import OneByOne

    if settings.launcher == "joblib":
        return InThreads(settings.at_once)
    if settings.launcher == "submitit":
        return OnCluster(settings.cluster, settings.at_once, folder)
    return OneByOne()


__all__ = ["Launcher", "launcher_of"]
