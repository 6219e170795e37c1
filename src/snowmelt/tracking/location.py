"""Where the tracking store, its artifacts and the local records of runs are.

`dvc exp run --temp` runs a stage in a copy of the project that is deleted afterwards, so
everything here belongs to the main repository, which DVC names in DVC_ROOT.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from snowmelt.common.errors import UserError
from snowmelt.tracking.settings import TrackingSettings

SERVERS = {"http", "https", "databricks"}
DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}


def main_root(root: Path) -> Path:
    """The main repository's root: DVC_ROOT during a DVC stage, else `root` itself."""
    return Path(os.environ.get("DVC_ROOT") or root).resolve()


def redacted(text: str) -> str:
    """`text` without the user and password of any address in it."""
    return re.sub(r"://[^@/\s]*@", "://***@", text)


@dataclass(frozen=True)
class Location:
    """One tracking store, one experiment in it, and the local records of runs.

    Args:
        uri: the store's address, absolute, perhaps with a password.
        artifacts: where a new experiment keeps its artifacts; None lets a server decide.
        runs: the folder of the local records.
        timeout: seconds that one answer of a server may take.
    """

    uri: str
    artifacts: str | None
    experiment: str
    runs: Path
    timeout: int = 10

    @property
    def shown(self) -> str:
        """The address without its password: for tags, files and messages."""
        return redacted(self.uri)

    @property
    def database(self) -> Path | None:
        prefix = "sqlite:///"
        return Path(self.uri.removeprefix(prefix)) if self.uri.startswith(prefix) else None


def locate(settings: TrackingSettings, root: Path) -> Location:
    """Find the store: MLFLOW_TRACKING_URI, else tracking.uri, else mlflow.db at the root.

    Raises:
        UserError: the address names no kind of store that MLflow can keep runs in.
    """
    home = main_root(root)
    setting = "MLFLOW_TRACKING_URI"
    uri = os.environ.get(setting)
    if not uri:
        setting, uri = "tracking.uri", settings.uri
    uri = _absolute(uri or f"sqlite:///{home / 'mlflow.db'}", home, setting)
    return Location(
        uri=uri,
        artifacts=_artifacts(settings.artifacts, uri, home),
        experiment=settings.experiment,
        runs=home / ".snowmelt" / "runs",
        timeout=settings.timeout_seconds,
    )


def _absolute(uri: str, home: Path, setting: str) -> str:
    """`uri` with a relative sqlite file placed under the main root."""
    kind = urlsplit(uri).scheme.split("+")[0]
    if uri != "databricks" and kind not in SERVERS | DATABASES:
        raise UserError(
            f"{setting}: {redacted(uri)} is no tracking store (MLflow keeps runs in a"
            " database or on a server): give sqlite:///mlflow.db or http://host:port"
        )
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        return uri
    return f"sqlite:///{home / path}"


def _artifacts(chosen: str | None, uri: str, home: Path) -> str | None:
    if chosen:
        return chosen if urlsplit(chosen).scheme else str(home / chosen)
    if urlsplit(uri).scheme in SERVERS or uri == "databricks":
        return None
    database = Path(uri.removeprefix("sqlite:///"))
    folder = database.parent if uri.startswith("sqlite:///") else home
    return str(folder / "mlartifacts")
