"""Tracking: one MLflow run per experiment, from compose to report.

    with tracking.open_training(config, root, state=state, identity=identity) as run:
        run.log_metrics({"loss": 0.1}, step=50)

Every operation is first appended to a queue on disk and uploaded from there in the
background: a store that does not answer never stops a stage, and nothing is lost. Every
wait for it is bounded and said. Only this package imports mlflow.

    opening         opens the run of a stage        lineage            finds that run
    tracked_run     what a stage may log            run_records        runs known on disk
    upload_queue    operations not yet uploaded     uploader           applies each of them
    mlflow_store    calls of MLflow's client        background_upload  when they are sent
    spool           files that wait for upload      harmless           logging ends no stage
    sync            sends by hand what waits        remains            what that is
    interface       opens MLflow's UI on a view     views, view_charts what that lists
    choices         names the parts                descriptions       links, commands
    store_pages     descriptions, pictures, views   store_models       models, the registry
    stale_runs      closes those of dead processes  configured         what is asked for
    reading         reads runs back                 address            where a store can be
"""

from snowmelt.tracking.configured import check
from snowmelt.tracking.interface import open_interface
from snowmelt.tracking.location import locate, prefer_typed
from snowmelt.tracking.one_command import one_command
from snowmelt.tracking.opening import (
    open_evaluation,
    open_report,
    open_sampling,
    open_sweep,
    open_sync,
    open_training,
    take_over,
)
from snowmelt.tracking.reading import PastRun, RunReader
from snowmelt.tracking.run import Run
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.tracking.sweep_job import SweepJob

__all__ = [
    "PastRun",
    "Run",
    "RunReader",
    "SweepJob",
    "TrackingSettings",
    "check",
    "locate",
    "one_command",
    "open_evaluation",
    "open_interface",
    "open_report",
    "open_sampling",
    "open_sweep",
    "open_sync",
    "open_training",
    "prefer_typed",
    "take_over",
]
