"""Uploads the queued operations of a run in a background thread.

The thread empties the queues every few seconds. When the store does not answer it pauses
while the stage goes on and its operations wait. One last attempt is made at the end of the
command, for a bounded time; what is left then is uploaded by the next command that tracks,
or by `snowmelt sync`.
"""

from __future__ import annotations

import threading
import time

from filelock import Timeout

from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.one_command import at_the_end
from snowmelt.tracking.remains import lines, remains
from snowmelt.tracking.run_records import RunRecords
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.tracking.store_errors import (
    RunDeleted,
    RunNotCreated,
    StoreUnreachable,
    why,
)
from snowmelt.tracking.uploader import Uploader
from snowmelt.tracking.waiting import bounded, print_message

LOCK_SECONDS = 30  # longer than a command's end, which is what bounds the wait


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
        self._is_closing = False
        self._is_over = threading.Event()  # no further operation is begun
        self._uploader = self._uploader_of(key, maybe_duplicate)
        self._reported: set[str] = set()
        self._is_gone = False
        self._left_behind = True
        self._not_before = 0.0
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="tracking", daemon=True)

    def _uploader_of(self, key: str, maybe_duplicate: bool = True) -> Uploader:
        return Uploader(
            self.run_records,
            self.store,
            key,
            self._report_rejection,
            maybe_duplicate,
            is_over=self._must_end,
        )

    def _must_end(self) -> bool:
        """Whether no further operation is begun: the time is up, or, between the end of a
        stage and that of its command, the next stage's thread goes on."""
        is_left = self._stop.is_set() and not self._is_closing
        return is_left or self._is_over.is_set()

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
                with self.run_records.delivery_lock(
                    self.key, LOCK_SECONDS if patient else 0
                ):
                    self._uploader.upload()
            except RunDeleted:
                self._is_gone = True
                print_message(
                    "this run was deleted from the tracking store; it goes on untracked"
                )
            except Timeout:
                if patient:
                    raise StoreUnreachable("another process sends it just now") from None
                return
            if patient:
                self._upload_left_behind(patient)  # what waited for this run

    def _upload_left_behind(self, patient: bool = False) -> bool:
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
                with self.run_records.delivery_lock(
                    record.key, LOCK_SECONDS if patient else 0
                ):
                    self._uploader_of(record.key).upload()
                self.run_records.drop_uploaded(record.key)
            except RunDeleted:
                self.run_records.forget(record.key)
            except (Timeout, RunNotCreated):
                continue
            except StoreUnreachable:
                return False
        return True

    def _report_rejection(self, reason: str) -> None:
        if reason not in self._reported:
            self._reported.add(reason)
            print_message(f"the tracking store rejected something: {reason}")

    # --- the end --------------------------------------------------------------------------

    def flush(self) -> bool:
        """Upload now; False if the store does not take it in time."""
        location = self.store.location
        seconds = max(self.settings.closing_seconds, location.patience)
        try:
            return bounded(lambda: self.attempt(patient=True), seconds, location.shown)
        except StoreUnreachable:
            return False

    def finish(self) -> None:
        """Stop the thread; deliver the rest now, or where a command ends at its end."""
        self._stop.set()
        at_the_end(self._close)

    def _close(self) -> None:
        """Try once more, for a bounded time, and tell the user what is left."""
        location, seconds = self.store.location, self.settings.closing_seconds
        self._is_closing = True
        try:
            bounded(lambda: self.attempt(patient=True), seconds, location.shown)
        except StoreUnreachable:
            self.reason = f"not within {seconds:g} s"
        self._is_over.set()
        try:
            if not self.reason:
                self.run_records.drop_uploaded(self.key)
            self._tell()
        except OSError as error:
            print_message(f"the tracker's own folder: {why(error)}")

    def _tell(self) -> None:
        if self._is_gone:
            return
        address, runs = self.store.location.shown, self.run_records.runs
        found = remains(self.run_records, address, self.key)
        for line in lines(found, address, runs, self.reason):
            print_message(line)
