"""What each line of an outbox does to the store.

    open     make the run, or set it back to RUNNING
    params, tags, metrics, dataset, model
    close    all that a stage held back until it had finished, then the run's end
    file     an artifact

Lines are applied in order and may be applied twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from snowmelt.common.files import write_json
from snowmelt.tracking.mlflow_store import Gone, Rejected, Store, Unreachable, Waiting
from snowmelt.tracking.run_records import Ledger, Record
from snowmelt.tracking.upload_queue import Operation, Outbox


class Courier:
    """Carries the lines of one run's outboxes to the store.

    Args:
        refused: is told why, when the store refuses a line for good.
        doubt: some lines may have arrived already, of a process that was killed.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        key: str,
        refused: Callable[[str], None],
        doubt: bool = True,
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.key = key
        self.refused = refused
        self.doubt = doubt

    def deliver(self) -> None:
        """Send all that waits, artifacts last: a broken artifact store delays nothing else.

        Raises:
            Unreachable: the store does not answer; the rest still waits.
            Gone: the run is no longer there.
        """
        self._deliver(self.ledger.outbox(self.key))
        self._deliver(self.ledger.files(self.key))

    def _deliver(self, outbox: Outbox) -> None:
        while True:
            batch, end = outbox.next_batch()
            if not batch:
                return
            try:
                self._apply(batch, outbox)
            except Unreachable:
                # It may have arrived all the same.
                self.doubt = True
                self.store.doubt_again()
                raise
            outbox.mark_sent(end)

    def _apply(self, batch: list[Operation], outbox: Outbox) -> None:
        """Apply lines that go together; of refused ones, put only the culprits aside."""
        try:
            if batch[0]["do"] == "metrics":
                self._metrics(batch, self.doubt)
            elif batch[0]["do"] == "close":
                self._close(batch[0], outbox)
            else:
                getattr(self, f"_do_{batch[0]['do']}")(batch[0])
        except Rejected as error:
            if len(batch) > 1:
                for operation in batch:
                    self._apply([operation], outbox)
            else:
                outbox.reject(batch[0], str(error))
                self.refused(str(error))

    # --- names ----------------------------------------------------------------------------

    def _run_id(self, key: str) -> str | None:
        """MLflow's id of a run in the ledger; it must have been made before it is named."""
        record = self.ledger.read(key)
        if record and record.run_id is None:
            raise Waiting(f"run {key} waits to be made first")
        return record.run_id if record else None

    @property
    def _id(self) -> str:
        run_id = self._run_id(self.key)
        if run_id is None:
            raise Gone(f"no record of run {self.key}")
        return run_id

    def _model_id(self, key: str | None) -> str | None:
        """The logged model that the run `key`, or one that it follows, trained."""
        record = self.ledger.read(key) if key else None
        if record is None:
            return None
        return record.model_id or self._model_id(record.follows)

    # --- the lines ------------------------------------------------------------------------

    def _do_open(self, operation: Operation) -> None:
        record = self.ledger.read(self.key)
        if record is None:
            raise Gone(f"no record of run {self.key}")
        if record.run_id is None:
            self._create(record, operation["time"])
        else:
            self.store.set_status(record.run_id, "RUNNING", operation["time"])
        self.store.set_tags(self._id, {f"stage.{operation['stage']}": "running"})

    def _create(self, record: Record, start: int) -> None:
        links = {tag: self._run_id(key) or key for tag, key in record.links.items()}
        try:
            run_id = self.store.create(self.key, record.name, record.tags | links, start)
        except Rejected as error:
            # Without the run nothing else can arrive, so all of it waits.
            raise Unreachable(str(error)) from error
        source = self._run_id(record.follows) if record.follows else None
        if source:
            self.store.inherit(run_id, source, record.own)
        if model := self._model_id(record.follows):
            self.store.use_model(run_id, model)
        self.ledger.update(self.key, run_id=run_id)
        write_state(record, run_id)

    def _do_nothing(self, operation: Operation) -> None:
        """A line that could not be read."""

    def _do_params(self, operation: Operation) -> None:
        self.store.log_params(self._id, operation["params"])

    def _do_tags(self, operation: Operation) -> None:
        self.store.set_tags(self._id, operation["tags"])

    def _do_dataset(self, operation: Operation) -> None:
        self.store.log_dataset(self._id, operation["dataset"])

    def _metrics(self, batch: list[Operation], doubt: bool) -> None:
        of_model = any(operation.get("model") for operation in batch)
        model = self._model_id(self.key) if of_model else None
        points = [{**o, "model_id": model if o.get("model") else None} for o in batch]
        self.store.log_metrics(self._id, points, doubt)

    def _do_model(self, operation: Operation) -> None:
        model_id = self.store.log_model(
            self._id, operation["name"], operation["step"], operation["tags"]
        )
        self.ledger.update(self.key, model_id=model_id)

    def _close(self, operation: Operation, outbox: Outbox) -> None:
        # What is held back was never sent before, save in this very line with these times.
        doubt, self.doubt = self.doubt, False
        try:
            for held in operation["held"]:
                self._apply([held], outbox)
        finally:
            self.doubt = doubt
        self.store.set_tags(self._id, operation["tags"])
        self.store.set_status(self._id, operation["status"], operation["time"])

    def _do_file(self, operation: Operation) -> None:
        file = self.ledger.folder(self.key) / operation["file"]
        if file.exists():
            self.store.log_file(self._id, file, operation["folder"])
            file.unlink()
            file.parent.rmdir()


def write_state(record: Record, run_id: str | None) -> None:
    """Write the run's name beside the state that a killed training resumes from."""
    if record.state and Path(record.state).is_dir():
        names = {"key": record.key, "run_id": run_id, "store": record.store}
        with contextlib.suppress(OSError):
            write_json(Path(record.state) / "run.json", names)
