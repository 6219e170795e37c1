"""Which run a stage belongs to.

One run holds an experiment from compose to report. Training opens it; sampling, evaluation
and report attach to it while it has no finished result of theirs. Another sampling or
evaluation opens a run of its own, which names what it came from: numbers that are in the
store are never overwritten. The same one again, as after a kill whenever it came, goes on
in the run that has it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from snowmelt.common.errors import UserError
from snowmelt.tracking.mlflow_store import Store
from snowmelt.tracking.run_records import Owner, RunRecord, RunRecords
from snowmelt.tracking.stale_runs import stages_when_it_died
from snowmelt.tracking.store_errors import StoreRejection, StoreUnreachable
from snowmelt.tracking.uploader import write_state
from snowmelt.tracking.waiting import bounded

Answer = TypeVar("Answer")

# The tag by which the result of a stage is found in the store.
IDENTITY = {
    "train": "identity",
    "sample": "samples_identity",
    "evaluate": "evaluation_identity",
}
SILENT_SECONDS = 30.0
# Until when a store that failed to answer is not asked again: a command has several stages.
_silent_until: dict[str, float] = {}


class KnownRuns:
    """What the records on disk and the store together know about runs."""

    def __init__(self, run_records: RunRecords, store: Store) -> None:
        self.run_records = run_records
        self.store = store
        self._address = store.location.shown
        self._is_silent = False

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask the store, for a bounded time; a silent one is not asked again soon."""
        location = self.store.location
        is_silent = time.monotonic() < _silent_until.get(location.uri, 0.0)
        if self._is_silent or is_silent:
            raise StoreUnreachable("it did not answer before")
        try:
            return bounded(question, location.patience, location.shown)
        except StoreUnreachable:
            self._is_silent = True
            _silent_until[location.uri] = time.monotonic() + SILENT_SECONDS
            raise

    def find(self, stage: str, identity: str | None) -> RunRecord | None:
        """The newest run whose `stage` made `identity`, of the records or the store."""
        if identity is None:
            return None
        for record in self.run_records.of_store(self._address):
            is_made = stage == "train" or record.has_finished(stage)
            is_it = is_made and record.made(stage) == identity
            if is_it and (checked := self._checked(record)):
                return checked
        try:
            found = self._ask(lambda: self.store.find(IDENTITY[stage], identity, stage))
        except (StoreUnreachable, StoreRejection):
            return None
        return self._adopted(found) if found else None

    def _checked(self, record: RunRecord) -> RunRecord | None:
        """The record, with what other machines did since; None if its run was deleted."""
        run_id = record.run_id
        if run_id is None or not self.run_records.is_uploaded(record.key):
            return record
        try:
            run = self._ask(lambda: self.store.run(run_id))
        except StoreUnreachable:
            return record
        if run is None:
            self.run_records.forget(record.key)
            return None
        theirs = _stages(run.data.tags)
        stages = {
            stage: mine if record.has_finished(stage) else theirs.get(stage, mine)
            for stage, mine in (theirs | record.stages).items()
        }
        return self.run_records.update(record.key, stages=stages) or record

    def _adopted(self, run: object) -> RunRecord:
        """A record of a run that another machine, or an earlier checkout, made."""
        info, tags = run.info, run.data.tags  # type: ignore[attr-defined]
        key = tags.get("snowmelt_key") or self.run_records.new_key()
        record = RunRecord(
            key=key,
            store=self._address,
            name=info.run_name or key,
            run_id=info.run_id,
            model_id=tags.get("model_id"),
            stages=_stages(tags),
        )
        with self.run_records.lock():
            return self.run_records.read(key) or self.run_records.write(record)

    def continued(self, state: Path) -> RunRecord | None:
        """The run that a resumed training goes on with, as `state`/run.json says.

        Raises:
            UserError: another process is training from this state.
        """
        try:
            names = json.loads((state / "run.json").read_text(encoding="utf-8"))
            key, run_id, store = names["key"], names["run_id"], names["store"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if store != self._address:
            return None
        record = self.run_records.read(key)
        if record is None and run_id is None:
            return None
        record = record or RunRecord(key=key, store=store, name=key, run_id=run_id)
        # Of another host nobody here can tell; the lock of the state, which the caller
        # holds, can. A container has another name after each start.
        if record.is_busy and record.owner and record.owner.host == Owner.me().host:
            raise UserError(
                f"{state}: another process ({record.owner}) trains from this state;"
                " wait for it, or end it"
            )
        return self._restored(record)

    def _restored(self, record: RunRecord) -> RunRecord | None:
        """The record, ready to be made anew if the store has lost its run."""
        run_id = record.run_id
        try:
            is_there = run_id is None or self._ask(lambda: self.store.run(run_id))
        except StoreUnreachable:
            is_there = True
        if is_there:
            return record
        queue = self.run_records.queue(record.key)
        if next(queue.operations(), None) is None:
            return None
        queue.rewind()
        return replace(record, run_id=None, model_id=None)

    def take(
        self,
        record: RunRecord,
        stage: str,
        identity: str | None,
        request: str | None = None,
    ) -> RunRecord:
        """Own the run for `stage`, as this process."""
        with self.run_records.lock():
            self.run_records.queue(record.key).repair()
            self.run_records.file_queue(record.key).repair()
            if record.is_stale:
                stages = stages_when_it_died(self.run_records, record)
                record = replace(record, stages=stages)
            # Written once: a record without its owner would outlive a kill before the next.
            taken = record.with_stage(stage, "running", identity, request)
            self.run_records.write(taken)
        write_state(taken, taken.run_id)
        return taken

    def attach(
        self,
        base: RunRecord | None,
        stage: str,
        needs: str,
        identity: str,
        request: str,
    ) -> RunRecord | None:
        """Take the run, of `base` and those that follow it, that was asked for the same, or
        else one that lacks a finished `stage`.

        Args:
            base: None looks for the same request among runs that follow none.
            needs: the stage that must have finished in `base` for `base` to be taken.
            request: a digest of what the stage is to do.
        """
        with self.run_records.lock():
            followers = [
                record
                for record in self.run_records.of_store(self._address)
                if record.follows == (base.key if base else None) and stage in record.stages
            ]
            here = [base] if base and base.has_finished(needs) else []
            family = [
                fresh
                for record in (*here, *reversed(followers))
                if not (fresh := self.run_records.read(record.key) or record).is_busy
            ]
            same = [record for record in family if record.was_asked(stage) == request]
            open_ones = [r for r in family if base and not r.has_finished(stage)]
            for record in (*same, *open_ones):
                return self.take(record, stage, identity, request)
        return None

    def new(
        self,
        name: str,
        tags: Mapping[str, str],
        *,
        follows: RunRecord | None = None,
        links: Mapping[str, str] | None = None,
        own: Iterable[str] = (),
        state: Path | None = None,
    ) -> RunRecord:
        """A record of a run that is yet to be made; not kept before it is taken."""
        links = dict(links or {})
        if parent := os.environ.get("SNOWMELT_PARENT_RUN"):
            links["mlflow.parentRunId"] = parent
        return RunRecord(
            key=self.run_records.new_key(),
            store=self._address,
            name=name,
            follows=follows.key if follows else None,
            links=links,
            own=list(own),
            tags=dict(tags),
            state=str(state.resolve()) if state else None,
            experiment=self.store.location.experiment,
            experiment_id=self.store.location.experiment_id,
            adopted=None if parent else os.environ.get("MLFLOW_RUN_ID") or None,
        )


def _stages(tags: Mapping[str, str]) -> dict[str, dict[str, str]]:
    stages: dict[str, dict[str, str]] = {}
    for tag, value in tags.items():
        if tag.startswith("stage."):
            stage = tag.removeprefix("stage.")
            entry = {"status": value.split(":")[0]}
            if identity := tags.get(IDENTITY.get(stage, "")):
                entry["identity"] = identity
            stages[stage] = entry
    return stages
