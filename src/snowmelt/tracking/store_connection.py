"""The connection to one experiment in one store, through MLflow's client.

A call that fails raises one of three errors of `store_errors`: `StoreUnreachable`,
`RunDeleted` or `StoreRejection`.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.tracking.request_header.registry import resolve_request_headers

from snowmelt.tracking.address import database_address
from snowmelt.tracking.location import Location
from snowmelt.tracking.store_errors import (
    RunDeleted,
    StoreRejection,
    StoreUnreachable,
    why,
)
from snowmelt.tracking.views import KIND

REJECTION_CODES = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "MALFORMED_REQUEST",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}
# What a server, or a proxy before it, answers to what it will not take next time either.
FINAL = "400|413|414|415|422|431"
SQL_MODULES = ("mlflow.store.db.utils", "mlflow.store.tracking.sqlalchemy_store")


def _import_what_requests_import(location: Location) -> None:
    """Import, in the calling thread, what MLflow's client imports at its first request.

    In the thread of the deliveries it would be half imported while others use it:
    matplotlib reads `sys.modules["IPython"].version_info` whenever it draws.
    """
    for module in ("IPython", *(SQL_MODULES if location.is_database else ())):
        with contextlib.suppress(Exception):  # what is broken is not needed
            importlib.import_module(module)
    with contextlib.suppress(Exception):
        resolve_request_headers()


def _create(database: Path) -> None:
    """Make an empty sqlite store beside its place, and move it there when it is whole.

    MLflow takes seconds for it, and one killed among its migrations would leave a file that
    no later process can open.
    """
    draft = database.with_name(f"{database.name}.draft")
    for left in database.parent.glob(f"{glob.escape(draft.name)}*"):
        left.unlink()
    uri = database_address(draft)
    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
    draft.replace(database)


class Connection:
    """One experiment in one store; connects at the first call."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._lock = threading.Lock()
        self._connected: tuple[MlflowClient, str] | None = None
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(location.timeout))
        _import_what_requests_import(location)  # before any thread asks

    @contextlib.contextmanager
    def _client(self, run_id: str | None = None) -> Iterator[tuple[MlflowClient, str]]:
        """The client and the experiment's id; translates what goes wrong with `run_id`."""
        try:
            with self._lock:
                if self._connected is None:
                    self._connected = self._connect()
                client, experiment = self._connected
            yield client, experiment
        except (StoreUnreachable, RunDeleted, StoreRejection):
            raise
        except MlflowException as error:
            is_final = re.search(rf"error code ({FINAL}) ", str(error))
            if error.error_code not in REJECTION_CODES and not is_final:
                raise StoreUnreachable(why(error)) from error
            if run_id and not self._has(run_id):
                raise RunDeleted(why(error)) from error
            raise StoreRejection(why(error)) from error
        except Exception as error:
            # Artifact stores raise what their clients raise; none of it may end a training.
            status = getattr(getattr(error, "response", None), "status_code", None)
            is_final = re.fullmatch(FINAL, str(status))
            kind = StoreRejection if is_final else StoreUnreachable
            raise kind(why(error)) from error

    def _connect(self) -> tuple[MlflowClient, str]:
        """Open the store and find or make the experiment.

        MLflow creates an sqlite file by many migrations, which concurrent processes break.
        """
        database = self.location.database
        guard: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self.location.is_database:
            # Its own ten tries take 100 s; operations wait in the queue instead.
            engines: Any = importlib.import_module(SQL_MODULES[0])
            engines.MAX_RETRY_COUNT = 1
        if database:
            guard = FileLock(f"{database}.lock", timeout=self.location.patience)
        with guard:
            if database and not database.exists():
                _create(database)
            uri = self.location.uri
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            here = self.location
            return client, self._experiment(client, here.experiment, here.experiment_id)

    def _experiment(
        self, client: MlflowClient, name: str | None, number: str | None
    ) -> str:
        """The id of an experiment, which is made if only its name is given.

        Raises:
            OSError: it is deleted, there is none with this id, or name and id are of two.
        """
        if name is None:
            try:
                name = str(client.get_experiment(str(number)).name)
            except MlflowException as error:
                if error.error_code not in REJECTION_CODES:
                    raise
                raise OSError(f"MLFLOW_EXPERIMENT_ID: no experiment {number}") from error
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                place = self.location.artifacts
                return str(client.create_experiment(name, place, tags=KIND))
            except MlflowException as error:
                # Another host was first.
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise OSError(why(error)) from error
        if found.lifecycle_stage == "deleted":
            raise OSError(f"experiment '{name}' is deleted: restore it, or name another")
        if number and str(found.experiment_id) != number:
            raise OSError(
                f"MLFLOW_EXPERIMENT_ID is {number}, but experiment '{name}' is"
                f" {found.experiment_id}"
            )
        return str(found.experiment_id)

    def _has(self, run_id: str) -> bool:
        """Whether the store has the run, not deleted."""
        assert self._connected
        try:
            info = self._connected[0].get_run(run_id).info
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise StoreUnreachable(why(error)) from error
        return bool(info.lifecycle_stage == "active")
