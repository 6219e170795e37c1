"""Where runs are tracked: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from snowmelt.common.places import Place
from snowmelt.common.section import Section, Text


class TrackingSettings(Section):
    """The section `tracking`: one MLflow run per experiment, from compose to report.

    An unreachable store never stops a stage: what it could not take waits in
    .snowmelt/runs and is sent by the next command, or by `snowmelt sync`.
    """

    key: ClassVar[str] = "tracking"
    enabled: bool = Field(True, description="Whether runs are tracked at all.")
    experiment: Text = Field(
        "snowmelt",
        description="Experiment in MLflow of the runs. MLFLOW_EXPERIMENT_NAME and"
        " MLFLOW_EXPERIMENT_ID win, unless it is given on the command line.",
    )
    uri: Place | None = Field(
        None,
        description="Address of the store; null for the sqlite file mlflow.db at the"
        " project's root. MLFLOW_TRACKING_URI wins, unless it is given on the command"
        " line.",
    )
    artifacts: Place | None = Field(
        None,
        description="Folder of a new experiment's files; null for mlartifacts beside the"
        " sqlite file, at the project's root for another database, or what a server"
        " decides.",
    )
    flush_seconds: float = Field(
        2.0, gt=0, le=3600, description="Time between two deliveries in the background."
    )
    cooldown_seconds: float = Field(
        30.0, gt=0, le=86_400, description="Pause after the store did not answer."
    )
    timeout_seconds: int = Field(
        10, ge=1, le=3600, description="Longest wait for one answer of a server."
    )
    closing_seconds: float = Field(
        10.0,
        ge=0,
        le=86_400,
        description="Longest wait for the store at the end of a command; what it has not"
        " taken then is sent by the next one, or by `snowmelt sync`.",
    )
