"""Delivering beside the work, and never in its way.

A thread empties the outboxes every few seconds. When the store does not answer it pauses;
the stage goes on and its lines wait. At the end one last attempt is made; what is left then
is delivered by the next command that tracks.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass

from filelock import FileLock, Timeout

from snowmelt.tracking.mlflow_store import Gone, Store, Unreachable, Waiting, why
from snowmelt.tracking.run_records import Ledger
from snowmelt.tracking.uploader import Courier


def tell(message: str) -> None:
    """One line to the user, beside the progress bars."""
    print(f"snowmelt: {message}", file=sys.stderr, flush=True)


def now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Pace:
    """Seconds between deliveries, and of the pause after a failure."""

    flush: float = 2.0
    cooldown: float = 30.0


class Delivery:
    """Empties the outboxes of the run `key`, and those that dead processes left behind."""

    def __init__(
        self, ledger: Ledger, store: Store, key: str, pace: Pace, doubt: bool
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.key = key
        self.pace = pace
        self.reason = ""  # why the last attempt failed
        self._courier = Courier(ledger, store, key, self._refused, doubt)
        self._told: set[str] = set()
        self._is_gone = False
        self._left_behind = True
        self._not_before = 0.0
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="tracking", daemon=True)

    def start(self) -> None:
        """Begin to deliver in the background."""
        self._thread.start()

    def _loop(self) -> None:
        self.attempt()
        while not self._stop.wait(self.pace.flush):
            self.attempt()

    def attempt(self, patient: bool = False) -> bool:
        """Deliver what waits; False if something still waits. `patient` ends the pause."""
        with self._busy:
            if not patient and time.monotonic() < self._not_before:
                return False
            try:
                self._attempt(patient)
                self.reason = ""
            except Unreachable as error:
                self._postpone(str(error))
            except Exception as error:  # a defect here may not end a training either
                self._postpone(f"{type(error).__name__}: {why(error)}")
            return not self.reason

    def _postpone(self, reason: str) -> None:
        self.reason = reason
        self._not_before = time.monotonic() + self.pace.cooldown

    def _attempt(self, patient: bool) -> None:
        if self._left_behind:
            self._left_behind = not self._deliver_left_behind()
        if not self._is_gone:
            try:
                with self._lock(self.key, 10 if patient else 0):
                    self._courier.deliver()
            except Gone:
                self._is_gone = True
                tell("this run was deleted from the tracking store; it goes on untracked")
            except Timeout:
                return  # another process delivers it just now
            if patient:
                self._deliver_left_behind()  # what waited for this run

    def _deliver_left_behind(self) -> bool:
        """Deliver, oldest first, what others could not; True if the store answered."""
        for record in reversed(list(self.ledger.records(self.store.location.shown))):
            is_owned = record.owner is not None and not record.is_ghost
            if record.key == self.key or is_owned or self.ledger.is_delivered(record.key):
                continue
            try:
                with self._lock(record.key, 0):
                    Courier(self.ledger, self.store, record.key, self._refused).deliver()
                self.ledger.tidy(record.key)
            except Gone:
                self.ledger.forget(record.key)
            except (Timeout, Waiting):
                continue
            except Unreachable:
                return False
        return True

    def _lock(self, key: str, seconds: float) -> FileLock:
        """Only one process delivers a run at a time."""
        return FileLock(self.ledger.folder(key) / ".delivery.lock", timeout=seconds)

    def _refused(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            tell(f"the tracking store refused something: {reason}")

    def finish(self) -> None:
        """Stop the thread, make a last attempt, say what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.attempt(patient=True):
            self.ledger.tidy(self.key)
        else:
            tell(
                f"the tracking store {self.store.location.shown} does not answer"
                f" ({self.reason}); what it misses is kept in"
                f" {self.ledger.folder(self.key)} and sent by the next snowmelt command"
            )
