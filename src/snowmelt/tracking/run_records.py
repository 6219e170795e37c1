"""What this project knows about its own runs, whether or not the store answers.

One folder a run under .snowmelt/runs: `record.json` says what the run is, which stages it
finished and which process owns it now; its outboxes hold what the store has not taken yet.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from snowmelt.common.files import write_json
from snowmelt.tracking.upload_queue import Outbox

# Two readings of one process's start time may differ by clock corrections.
START_TOLERANCE = 5.0


@dataclass(frozen=True)
class Owner:
    """The process that writes a run, so that another can tell whether it still lives."""

    host: str
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Owner:
        """A living process of this host."""
        return cls(socket.gethostname(), pid, psutil.Process(pid).create_time())

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        return cls.of(os.getpid())

    @property
    def is_here(self) -> bool:
        """It runs, or ran, on this host."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """It may still run: another host's processes count as alive."""
        if not self.is_here:
            return True
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) < START_TOLERANCE
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass(frozen=True)
class Record:
    """One run.

    Args:
        key: its name in the ledger, sorted by time; the run carries it as a tag.
        store: the store's address without password.
        name: the run's name.
        run_id: MLflow's, once the store has made the run.
        model_id: MLflow's logged model that this run trained.
        follows: key of the run whose result this one continues from.
        links: tag -> key of another run whose id that tag takes.
        own: configuration sections that are not inherited from `follows`.
        tags: tags to make the run with.
        stages: stage -> {"status": ..., "identity": what it made}.
        owner: the process that writes it now.
        state: folder whose run.json must learn the run's id.
    """

    key: str
    store: str
    name: str
    run_id: str | None = None
    model_id: str | None = None
    follows: str | None = None
    links: dict[str, str] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    stages: dict[str, dict[str, str]] = field(default_factory=dict)
    owner: Owner | None = None
    state: str | None = None

    def has_finished(self, stage: str) -> bool:
        """The stage ended well in this run."""
        return self.stages.get(stage, {}).get("status") == "finished"

    def made(self, stage: str) -> str | None:
        """Identity of what the stage made, or was about to make."""
        return self.stages.get(stage, {}).get("identity")

    @property
    def is_busy(self) -> bool:
        """Another living process writes this run."""
        return self.owner is not None and self.owner.is_alive and self.owner != Owner.me()

    @property
    def is_ghost(self) -> bool:
        """Its process died without a word."""
        return self.owner is not None and not self.owner.is_alive


class Ledger:
    """The records in the folder `runs`."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs

    def lock(self) -> FileLock:
        """Whoever decides which run to write holds this; the same thread may nest it."""
        self.runs.mkdir(parents=True, exist_ok=True)
        return FileLock(self.runs / ".lock", is_singleton=True)

    def new_key(self) -> str:
        """A key that sorts by time."""
        now = time.time()
        fraction = int(now % 1 * 1e6)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        return f"{stamp}-{fraction:06d}-{secrets.token_hex(3)}"

    def folder(self, key: str) -> Path:
        """Where a run's record and outboxes are."""
        return self.runs / key

    def outbox(self, key: str) -> Outbox:
        """Metrics, parameters, tags and status."""
        return Outbox(self.folder(key) / "outbox.jsonl")

    def files(self, key: str) -> Outbox:
        """Artifacts: apart, so that a broken artifact store does not delay the metrics."""
        return Outbox(self.folder(key) / "files.jsonl")

    def read(self, key: str) -> Record | None:
        """The record, or None."""
        try:
            text = (self.folder(key) / "record.json").read_text(encoding="utf-8")
            value: dict[str, Any] = json.loads(text)
        except (OSError, ValueError):
            return None
        owner = value.pop("owner")
        return Record(**value, owner=Owner(**owner) if owner else None)

    def write(self, record: Record) -> Record:
        """Keep the record."""
        write_json(self.folder(record.key) / "record.json", asdict(record))
        return record

    def update(self, key: str, **changes: Any) -> Record | None:
        """Change some fields of a record, if it is still there."""
        with self.lock():
            record = self.read(key)
            return self.write(replace(record, **changes)) if record else None

    def set_stage(self, key: str, stage: str, status: str, identity: str | None) -> None:
        """Write down how far a stage is; its owner lets go unless it is running."""
        with self.lock():
            if record := self.read(key):
                entry = {"status": status} | ({"identity": identity} if identity else {})
                owner = Owner.me() if status == "running" else None
                stages = record.stages | {stage: entry}
                self.write(replace(record, stages=stages, owner=owner))

    def records(self, store: str) -> Iterator[Record]:
        """All records of one store, newest first."""
        for folder in sorted(self.runs.glob("*/"), reverse=True):
            record = self.read(folder.name)
            if record and record.store == store:
                yield record

    def forget(self, key: str) -> None:
        """Drop a record: the store no longer has its run."""
        shutil.rmtree(self.folder(key), ignore_errors=True)

    def is_delivered(self, key: str) -> bool:
        """Nothing of this run waits."""
        return self.outbox(key).is_empty and self.files(key).is_empty

    def tidy(self, key: str) -> None:
        """Drop the lines of a run that is whole in the store and will not be resumed."""
        with self.lock():
            record = self.read(key)
            if record is None or record.owner or not self.is_delivered(key):
                return
            if record.stages.get("train", {"status": "finished"})["status"] == "finished":
                self.outbox(key).clear()
                self.files(key).clear()
