"""Where the tracking store, its artifacts and the local records of runs are.

`dvc exp run --temp` runs a stage in a copy of the project that is deleted afterwards, so
everything here belongs to the main repository, which DVC names in DVC_ROOT.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from snowmelt.tracking.address import (
    check_artifacts,
    database_address,
    database_file,
    is_server,
    redacted,
    settled,
)
from snowmelt.tracking.settings import TrackingSettings

# MLflow's own variables beat what a file says, and the command line beats them.
VARIABLES = {
    "tracking.uri": ("MLFLOW_TRACKING_URI",),
    "tracking.experiment": ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"),
}
# Making a database, or opening one on a busy machine, takes longer than a server's answer.
DATABASE_SECONDS = 60


def main_root(root: Path) -> Path:
    """The main repository's root: DVC_ROOT during a DVC stage, else `root` itself."""
    return Path(os.environ.get("DVC_ROOT") or root).resolve()


def prefer_typed(overrides: Iterable[str]) -> None:
    """Forget the variables that say what the command line says too, in this process and
    those that it starts."""
    for text in overrides:
        for variable in VARIABLES.get(text.partition("=")[0].lstrip("+"), ()):
            os.environ.pop(variable, None)


@dataclass(frozen=True)
class Location:
    """One tracking store, one experiment in it, and the local records of runs.

    Args:
        uri: the store's address, absolute, perhaps with a password.
        artifacts: where a new experiment keeps its artifacts; None lets a server decide.
        experiment: its name; None where only its id is given.
        runs: the folder of the local records.
        timeout: seconds that one answer of a server may take.
        experiment_id: its id, which must be that of the name where both are given.
    """

    uri: str
    artifacts: str | None
    experiment: str | None
    runs: Path
    timeout: int = 10
    experiment_id: str | None = None

    @property
    def shown(self) -> str:
        """The address without its password: for tags, files and messages."""
        return redacted(self.uri)

    @property
    def database(self) -> Path | None:
        return database_file(self.uri)

    @property
    def is_database(self) -> bool:
        return not is_server(self.uri)

    @property
    def patience(self) -> int:
        """Seconds that a question is waited for."""
        return max(self.timeout, DATABASE_SECONDS) if self.is_database else self.timeout


def locate(settings: TrackingSettings, root: Path) -> Location:
    """Find the store: MLFLOW_TRACKING_URI, else tracking.uri, else mlflow.db at the root.

    The experiment is that of MLFLOW_EXPERIMENT_NAME or MLFLOW_EXPERIMENT_ID, else
    tracking.experiment.

    Raises:
        UserError: there can be no store at the address.
    """
    home = main_root(root)
    setting = "MLFLOW_TRACKING_URI"
    uri = os.environ.get(setting)
    if not uri:
        setting, uri = "tracking.uri", settings.uri
    uri = (uri or "").strip() or database_address(home / "mlflow.db")
    uri = settled(uri, home, setting)
    name, number = map(os.environ.get, VARIABLES["tracking.experiment"])
    return Location(
        uri=uri,
        artifacts=_artifacts(settings.artifacts, uri, home),
        experiment=name or (None if number else settings.experiment),
        experiment_id=number or None,
        runs=home / ".snowmelt" / "runs",
        timeout=settings.timeout_seconds,
    )


def _artifacts(chosen: str | None, uri: str, home: Path) -> str | None:
    if not chosen and is_server(uri):
        return None
    if chosen and urlsplit(chosen).scheme:
        check_artifacts(chosen)
        return chosen
    database = database_file(uri)
    beside = home if database is None else database.parent
    place = home / (chosen or beside / "mlartifacts")
    if chosen:
        check_artifacts(str(place))
    return str(place).replace("%", "%25")  # MLflow takes it for an address: %20 is a space
