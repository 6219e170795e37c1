"""Tracking: one MLflow run per experiment, from compose to report.

    with tracking.open_training(config, root, state=state, identity=identity) as run:
        run.log_metrics({"loss": 0.1}, step=50)

Every line goes to a file first and from there, in the background, to the store: one that
does not answer never stops a stage and loses nothing. Only this package imports mlflow.

    opening     which function a stage calls        lineage     which run it gets
    tracked     what it may log                     ledger      what is known locally
    outbox      lines that wait                     courier     what each line does
    delivery    when they are sent                  store       MLflow
    reading     runs read back
"""

from snowmelt.tracking.location import locate
from snowmelt.tracking.opening import (
    open_evaluation,
    open_report,
    open_sampling,
    open_sweep,
    open_training,
)
from snowmelt.tracking.reading import Logbook, PastRun
from snowmelt.tracking.run import Run

__all__ = [
    "Logbook",
    "PastRun",
    "Run",
    "locate",
    "open_evaluation",
    "open_report",
    "open_sampling",
    "open_sweep",
    "open_training",
]
