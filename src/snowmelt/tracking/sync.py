"""Sending by hand all that waits for the store, however long that takes."""

from __future__ import annotations

from collections.abc import Callable

from filelock import Timeout

from snowmelt.tracking import stale_runs
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.remains import Remains, remains
from snowmelt.tracking.run_records import RunRecord, RunRecords
from snowmelt.tracking.store_errors import RunDeleted, StoreUnreachable, why
from snowmelt.tracking.uploader import Uploader


class Sync:
    """What waits for one store, and its delivery."""

    def __init__(self, run_records: RunRecords, store: Store) -> None:
        self._records = run_records
        self._store = store

    @property
    def address(self) -> str:
        return self._store.location.shown

    def remains(self) -> list[Remains]:
        """What the store has not taken, oldest first; living processes send their own."""
        return remains(self._records, self.address)

    def remains_elsewhere(self) -> dict[str, list[Remains]]:
        """What waits for other stores, by their addresses."""
        others = sorted(self._records.stores() - {self.address})
        found = {store: remains(self._records, store) for store in others}
        return {store: waiting for store, waiting in found.items() if waiting}

    def begin(self) -> None:
        """Close the runs of dead processes, and queue again what was refused."""
        stale_runs.mark_as_killed(self._records, self.address)
        for one in self.remains():
            self._records.queue(one.record.key).retry_rejected()
            self._records.file_queue(one.record.key).retry_rejected()

    def send(self, on_sent: Callable[[int], object]) -> list[str]:
        """Send what waits; returns why some of it was not taken, a line each.

        Args:
            on_sent: called with the number of operations that were just done with.
        """
        problems: dict[str, None] = {}
        for one in self.remains():
            if one.is_waiting:
                is_silent, said = self._send(one.record, on_sent)
                problems |= dict.fromkeys(said)
                if is_silent:
                    break
        return list(problems)

    def _send(
        self, record: RunRecord, on_sent: Callable[[int], object]
    ) -> tuple[bool, list[str]]:
        """Send what waits of one run; whether the store is silent, and what went wrong."""
        key = record.key
        uploader = Uploader(
            self._records, self._store, key, lambda reason: None, on_sent=on_sent
        )
        try:
            with self._records.delivery_lock(key, 0):
                uploader.upload()
            self._records.drop_uploaded(key)
        except Timeout:
            return False, [f"another process sends run {key} just now"]
        except RunDeleted:
            self._records.forget(key)
            return False, [f"run {key} was deleted in the store, and is forgotten here"]
        except StoreUnreachable as error:
            # With its operations sent, it is the place of the artifacts that fails.
            is_silent = not self._records.queue(key).is_empty
            return is_silent, [str(error)]
        except Exception as error:
            return True, [f"{type(error).__name__}: {why(error)}"]
        return False, []
