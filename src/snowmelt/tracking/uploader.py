"""Applies the operations of an upload queue to the store.

    open     creates the run, or sets it back to RUNNING
    params, tags, metrics, dataset, model: logs them
    note, view, register: what a person reads of the run, or finds it by
    close    logs all that a stage held back until it had finished, then ends the run
    file, picture: uploads an artifact

Operations are applied in order, and may be applied twice. What says "missing" is sent only
if the run lacks it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from snowmelt.common.files import write_json
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.run_records import RunRecord, RunRecords
from snowmelt.tracking.store_errors import (
    RunDeleted,
    RunNotCreated,
    StoreRejection,
    StoreUnreachable,
)
from snowmelt.tracking.upload_queue import Operation, UploadQueue


class Uploader:
    """Uploads the operations of one run's queues to the store.

    Args:
        on_rejection: called with the reason when the store rejects an operation for good.
        maybe_duplicate: some operations may have arrived already, sent by a process that
            was killed.
        on_sent: called with the number of operations that the store has just taken.
        is_over: whether to stop before the next operation.
    """

    def __init__(
        self,
        run_records: RunRecords,
        store: Store,
        key: str,
        on_rejection: Callable[[str], None],
        maybe_duplicate: bool = True,
        on_sent: Callable[[int], object] = lambda count: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.run_records = run_records
        self.store = store
        self.key = key
        self.on_rejection = on_rejection
        self.maybe_duplicate = maybe_duplicate
        self.on_sent = on_sent
        self.is_over = is_over

    def upload(self) -> None:
        """Send all that waits, artifacts last: a broken artifact store delays nothing else.

        Raises:
            StoreUnreachable: the store does not answer; the rest still waits.
            RunDeleted: the run is no longer there.
        """
        self._upload(self.run_records.queue(self.key))
        self._upload(self.run_records.file_queue(self.key))

    def _upload(self, queue: UploadQueue) -> None:
        while True:
            batch, end = queue.next_batch()
            if not batch:
                return
            if self.is_over():
                raise StoreUnreachable("it answers too slowly")
            try:
                self._apply(batch, queue)
            except StoreUnreachable:
                # It may have arrived all the same.
                self.maybe_duplicate = True
                self.store.forget_known_steps()
                raise
            queue.mark_sent(end)
            self.on_sent(len(batch))

    def _apply(self, batch: list[Operation], queue: UploadQueue) -> None:
        """Apply operations that go together; of rejected ones, set only culprits aside."""
        try:
            if batch[0]["do"] == "metrics":
                self._metrics(batch, self.maybe_duplicate)
            elif batch[0]["do"] == "close":
                self._close(batch[0], queue)
            else:
                getattr(self, f"_do_{batch[0]['do']}")(batch[0])
        except StoreRejection as error:
            if len(batch) > 1:
                for operation in batch:
                    self._apply([operation], queue)
            else:
                queue.reject(batch[0], str(error))
                if "file" not in batch[0]:  # those are told of at the end
                    self.on_rejection(str(error))

    # --- names ----------------------------------------------------------------------------

    def _run_id(self, key: str) -> str | None:
        """MLflow's id of a recorded run, which must have been created before."""
        record = self.run_records.read(key)
        if record and record.run_id is None:
            raise RunNotCreated(f"run {key} waits to be made first")
        return record.run_id if record else None

    @property
    def _id(self) -> str:
        run_id = self._run_id(self.key)
        if run_id is None:
            raise RunDeleted(f"no record of run {self.key}")
        return run_id

    def _model_id(self, key: str | None) -> str | None:
        """The logged model that the run `key`, or one that it follows, trained."""
        record = self.run_records.read(key) if key else None
        if record is None:
            return None
        return record.model_id or self._model_id(record.follows)

    # --- operations -----------------------------------------------------------------------

    def _do_open(self, operation: Operation) -> None:
        record = self.run_records.read(self.key)
        if record is None:
            raise RunDeleted(f"no record of run {self.key}")
        if record.run_id is None:
            self._create(record, operation["time"])
        else:
            self.store.set_status(record.run_id, "RUNNING", operation["time"])
        self.store.set_tags(self._id, {f"stage.{operation['stage']}": "running"})

    def _create(self, record: RunRecord, start: int) -> None:
        links = {tag: self._run_id(key) or key for tag, key in record.links.items()}
        try:
            run_id = self.store.create(record, record.tags | links, start)
        except StoreRejection as error:
            # Without the run nothing else can arrive, so all of it waits.
            raise StoreUnreachable(str(error)) from error
        source = self._run_id(record.follows) if record.follows else None
        if source:
            self.store.inherit(run_id, source, record.own)
        if model := self._model_id(record.follows):
            self.store.use_model(run_id, model)
        self.run_records.update(self.key, run_id=run_id)
        write_state(record, run_id)

    def _do_nothing(self, operation: Operation) -> None:
        """Skip an operation that could not be read."""

    def _do_params(self, operation: Operation) -> None:
        is_missing = bool(operation.get("missing"))
        self.store.log_params(self._id, operation["params"], only_missing=is_missing)

    def _do_tags(self, operation: Operation) -> None:
        self.store.set_tags(self._id, operation["tags"])

    def _do_parent(self, operation: Operation) -> None:
        key = operation["key"]
        self.store.set_tags(self._id, {"mlflow.parentRunId": self._run_id(key) or key})

    def _do_dataset(self, operation: Operation) -> None:
        self.store.log_dataset(self._id, operation["dataset"])

    def _metrics(self, batch: list[Operation], maybe_duplicate: bool) -> None:
        of_model = any(operation.get("model") for operation in batch)
        model = self._model_id(self.key) if of_model else None
        points = [{**o, "model_id": model if o.get("model") else None} for o in batch]
        self.store.log_metrics(self._id, points, maybe_duplicate)

    def _do_model(self, operation: Operation) -> None:
        model_id = self.store.log_model(
            self._id, operation["name"], operation["step"], operation["tags"]
        )
        self.run_records.update(self.key, model_id=model_id)

    def _close(self, operation: Operation, queue: UploadQueue) -> None:
        # What is held back was never sent before, save in this very line with these times,
        # unless the stage had finished in this run before.
        maybe_duplicate = self.maybe_duplicate
        self.maybe_duplicate = bool(operation.get("again"))
        try:
            for held in operation["held"]:
                self._apply([held], queue)
        finally:
            self.maybe_duplicate = maybe_duplicate
        self.store.set_tags(self._id, operation["tags"])
        self.store.set_status(self._id, operation["status"], operation["time"])

    def _do_note(self, operation: Operation) -> None:
        self.store.describe(self._id, operation["text"], operation["experiment"])

    def _do_view(self, operation: Operation) -> None:
        self.store.share_view_of(self._id)

    def _do_register(self, operation: Operation) -> None:
        told = (operation[key] for key in ("name", "alias", "tags", "text"))
        self.store.register(self._id, *told)

    def _do_file(self, operation: Operation) -> None:
        file = self.run_records.folder(self.key) / operation["file"]
        if not file.exists():
            return
        folder, is_missing = operation["folder"], bool(operation.get("missing"))
        if not (is_missing and self.store.has_file(self._id, file.name, folder)):
            self.store.log_file(self._id, file, folder)
        file.unlink()
        file.parent.rmdir()

    def _do_picture(self, operation: Operation) -> None:
        file = self.run_records.folder(self.key) / operation["file"]
        if not file.exists():
            return
        key, step, time = (operation[name] for name in ("key", "step", "time"))
        self.store.log_picture(self._id, file, key, step, time)
        file.unlink()
        file.parent.rmdir()


def write_state(record: RunRecord, run_id: str | None) -> None:
    """Write the run's key and id beside the state that a killed training resumes from."""
    if record.state and Path(record.state).is_dir():
        names = {"key": record.key, "run_id": run_id, "store": record.store}
        with contextlib.suppress(OSError):
            write_json(Path(record.state) / "run.json", names)
