"""Uploads the queued operations of a run in a background thread.

The thread empties the queues every few seconds. When the store does not answer it pauses
while the stage goes on and its operations wait. One last attempt is made at the end; what
is left then is uploaded by the next command that tracks.
"""

from __future__ import annotations

import sys
import threading
import time

from filelock import FileLock, Timeout

from snowmelt.tracking.mlflow_store import (
    RunDeleted,
    RunNotCreated,
    Store,
    StoreUnreachable,
    why,
)
from snowmelt.tracking.run_records import RunRecords
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.tracking.uploader import Uploader


def print_message(message: str) -> None:
    """Print one line to stderr, where progress bars do not overwrite it."""
    print(f"snowmelt: {message}", file=sys.stderr, flush=True)


def now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000


class BackgroundUpload:
    """Empties the queues of the run `key`, and those that dead processes left behind."""

    def __init__(
        self,
        run_records: RunRecords,
        store: Store,
        key: str,
        settings: TrackingSettings,
        maybe_duplicate: bool,
    ) -> None:
        self.run_records = run_records
        self.store = store
        self.key = key
        self.settings = settings
        self.reason = ""  # why the last attempt failed
        self._uploader = Uploader(
            run_records, store, key, self._report_rejection, maybe_duplicate
        )
        self._reported: set[str] = set()
        self._is_gone = False
        self._left_behind = True
        self._not_before = 0.0
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="tracking", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _loop(self) -> None:
        self.attempt()
        while not self._stop.wait(self.settings.flush_seconds):
            self.attempt()

    def attempt(self, patient: bool = False) -> bool:
        """Upload what waits and return whether nothing waits any more.

        Args:
            patient: try even during the pause after a failure.
        """
        with self._busy:
            if not patient and time.monotonic() < self._not_before:
                return False
            try:
                self._attempt(patient)
                self.reason = ""
            except StoreUnreachable as error:
                self._postpone(str(error))
            except Exception as error:  # a defect here may not end a training either
                self._postpone(f"{type(error).__name__}: {why(error)}")
            return not self.reason

    def _postpone(self, reason: str) -> None:
        self.reason = reason
        self._not_before = time.monotonic() + self.settings.cooldown_seconds

    def _attempt(self, patient: bool) -> None:
        if self._left_behind:
            self._left_behind = not self._upload_left_behind()
        if not self._is_gone:
            try:
                with self._lock(self.key, 10 if patient else 0):
                    self._uploader.upload()
            except RunDeleted:
                self._is_gone = True
                print_message(
                    "this run was deleted from the tracking store; it goes on untracked"
                )
            except Timeout:
                return  # another process uploads it just now
            if patient:
                self._upload_left_behind()  # what waited for this run

    def _upload_left_behind(self) -> bool:
        """Upload, oldest first, what other processes could not.

        Returns whether the store answered.
        """
        for record in reversed(list(self.run_records.of_store(self.store.location.shown))):
            is_owned = record.owner is not None and not record.is_stale
            if (
                record.key == self.key
                or is_owned
                or self.run_records.is_uploaded(record.key)
            ):
                continue
            try:
                with self._lock(record.key, 0):
                    Uploader(
                        self.run_records, self.store, record.key, self._report_rejection
                    ).upload()
                self.run_records.drop_uploaded(record.key)
            except RunDeleted:
                self.run_records.forget(record.key)
            except (Timeout, RunNotCreated):
                continue
            except StoreUnreachable:
                return False
        return True

    def _lock(self, key: str, seconds: float) -> FileLock:
        """The lock by which only one process uploads a run at a time."""
        return FileLock(self.run_records.folder(key) / ".delivery.lock", timeout=seconds)

    def _report_rejection(self, reason: str) -> None:
        if reason not in self._reported:
            self._reported.add(reason)
            print_message(f"the tracking store rejected something: {reason}")

    def finish(self) -> None:
        """Stop the thread, try once more and tell the user what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.attempt(patient=True):
            self.run_records.drop_uploaded(self.key)
        else:
            print_message(
                f"the tracking store {self.store.location.shown} does not answer"
                f" ({self.reason}); what it misses is kept in"
                f" {self.run_records.folder(self.key)} and sent by the next snowmelt"
                " command"
            )
