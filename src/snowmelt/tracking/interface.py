"""MLflow's UI, opened where the runs are compared.

    interface = open_interface(config, root, port=5000)
    with interface.served() as address:
        print(address)

The view of the newest sweep, and one of all runs, are put into the store first, so that the
address shows them to whoever opens it, here or on another machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.tracking.configured import settings_of
from snowmelt.tracking.location import Location, locate
from snowmelt.tracking.opening import MLFLOW_ENVIRONMENT
from snowmelt.tracking.store_errors import StoreRejection, StoreUnreachable
from snowmelt.tracking.views import View
from snowmelt.tracking.waiting import bounded

if TYPE_CHECKING:
    from snowmelt.tracking.mlflow_store import Store

HOST = "127.0.0.1"
START_SECONDS = 120.0
ASKING_SECONDS = 60.0
POLL = 0.2
# Consumers of jobs for language models, four processes of 240 MB; and news from outside.
UNNEEDED = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class Interface:
    """The UI of one store.

    Attributes:
        location: the store.
        places: what is shown, and the address of each below that of the server.
        port: where a server is started for a store that has none.
        log: the file that such a server writes to.
    """

    location: Location
    places: Mapping[str, str]
    port: int
    log: Path

    @property
    def is_served(self) -> bool:
        """Whether the store is a server, which has a UI of its own."""
        return not self.location.is_database

    @property
    def address(self) -> str:
        """Of the server, without a user and a password."""
        if not self.is_served:
            return f"http://{HOST}:{self.port}"
        return re.sub(r"://[^@/]*@", "://", self.location.uri).rstrip("/")

    @property
    def addresses(self) -> dict[str, str]:
        """What is shown, and where; the first is what most people want."""
        return {what: f"{self.address}{place}" for what, place in self.places.items()}

    @contextlib.contextmanager
    def served(self) -> Iterator[subprocess.Popen[bytes] | None]:
        """A server for the block, ready to answer; None if the store has one.

        Raises:
            UserError: the port is taken, or the server does not start.
        """
        if self.is_served:
            yield None
            return
        _check_free(self.port)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = self._started(log)
            with stopping.ending([process]):
                self._wait_for(process)
                try:
                    yield process
                finally:
                    # Killed at once, it would leave the server that it has started.
                    stopping.end([process])

    def _started(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", HOST, "--port", str(self.port)]
        # Not on the command line, which everyone on the machine can read.
        store = {"MLFLOW_BACKEND_STORE_URI": self.location.uri}
        environment = {**os.environ, **MLFLOW_ENVIRONMENT, **UNNEEDED, **store}
        return stopping.start(command, environment, stdout=log, stderr=log)

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/health", timeout=2).close()
                return
            time.sleep(POLL)
        raise UserError(f"MLflow's server does not start; {self.log} says why")


def open_interface(config: Mapping[str, Any], root: Path, port: int) -> Interface:
    """The UI of the configured store, with the views that its addresses name.

    Raises:
        UserError: tracking is off, or the store is not there or does not answer.
    """
    settings = settings_of(config)
    if not settings.enabled:
        raise UserError("tracking.enabled is false: there are no runs to show")
    location = locate(settings, root)
    if location.database is not None and not location.database.is_file():
        raise UserError(
            f"there is no tracking store {location.shown} yet: `make sweep` compares"
            " schedules, `make repro` makes one run"
        )
    if location.uri == "databricks":
        raise UserError("MLFLOW_TRACKING_URI: databricks has a UI of its own")
    for variable, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    from snowmelt.tracking.mlflow_store import Store

    store = Store(location)
    try:
        places = bounded(lambda: _places(store), ASKING_SECONDS, location.shown)
    except (StoreUnreachable, StoreRejection) as error:
        raise UserError(
            f"the tracking store {location.shown} does not answer: {error}"
        ) from error
    return Interface(location, places, port, location.runs.parent / "ui.log")


def _places(store: Store) -> dict[str, str]:
    """What can be shown, and where; the newest comparison first."""
    runs = store.runs()[::-1]
    everything = View.of_all(runs)
    number = store.share(everything)
    found = {}
    sweep = next((run for run in runs if "stage.sweep" in run.data.tags), None)
    if sweep is not None:
        parent = ("mlflow.parentRunId", sweep.info.run_id)
        jobs = [run for run in runs if parent in run.data.tags.items()]
        view = View.of_sweep(sweep, jobs)
        store.share(view)
        found["the newest comparison"] = view.place(number)
        found["its charts and pictures"] = view.place(number, "CHART")
    return found | {"all runs": everything.place(number)}


def _check_free(port: int) -> None:
    try:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((HOST, port))
    except (OSError, OverflowError) as error:
        raise UserError(
            f"port {port} is not free on {HOST}: choose another,"
            " `make ui PORT=5001` or `snowmelt ui --port 5001`"
        ) from error
