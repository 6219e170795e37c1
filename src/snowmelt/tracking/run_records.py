"""Records on disk of this project's runs, kept whether or not the store answers.

Each run has a folder under .snowmelt/runs. Its `record.json` says what the run is, which
stages it finished and which process owns it now; its upload queues hold what the store has
not taken yet.
"""

from __future__ import annotations

import contextlib
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

from snowmelt.common.drafts import remove_dead_drafts
from snowmelt.common.files import write_json
from snowmelt.tracking.upload_queue import UploadQueue

# Two readings of one process's start time may differ by clock corrections.
START_TOLERANCE = 5.0


@dataclass(frozen=True)
class Owner:
    """The process that writes a run, so that another can see whether it still lives."""

    host: str
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Owner:
        return cls(socket.gethostname(), pid, psutil.Process(pid).create_time())

    @classmethod
    def me(cls) -> Owner:
        return cls.of(os.getpid())

    @property
    def is_alive(self) -> bool:
        """Whether it may still run; processes of other hosts count as alive."""
        if self.host != socket.gethostname():
            return True
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) < START_TOLERANCE
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass(frozen=True)
class RunRecord:
    """What is known of one run.

    Args:
        key: the name of its folder, sorted by time; the run carries it as a tag.
        store: the store's address without password.
        run_id: MLflow's, once the store has made the run.
        model_id: MLflow's logged model that this run trained.
        follows: key of the run whose result this one continues from.
        links: tag -> key of another run whose id that tag takes.
        own: sections of the configuration that are not inherited from `follows`.
        stages: stage -> {"status": ..., "identity": what it made, "request": what it was
            asked for, "again": "yes" if it had finished in this run before}.
        owner: the process that writes it now.
        state: folder whose run.json must learn the run's id.
        experiment, experiment_id: where the run is to be made; None is the store's.
        adopted: MLflow's id of a run that somebody else opened for this one to write to.
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
    experiment: str | None = None
    experiment_id: str | None = None
    adopted: str | None = None

    def has_finished(self, stage: str) -> bool:
        """Whether the stage succeeded in this run."""
        return self.stages.get(stage, {}).get("status") == "finished"

    def made(self, stage: str) -> str | None:
        """Identity of what the stage made, or was about to make."""
        return self.stages.get(stage, {}).get("identity")

    def had_finished(self, stage: str) -> bool:
        """Whether the stage succeeded in this run, now or before it was run again."""
        return self.has_finished(stage) or "again" in self.stages.get(stage, {})

    def was_asked(self, stage: str) -> str | None:
        """What the stage was to do, by a digest; None where it never began."""
        return self.stages.get(stage, {}).get("request")

    def with_stage(
        self, stage: str, status: str, identity: str | None, request: str | None = None
    ) -> RunRecord:
        """The record once a stage has a status; it has an owner while that is running."""
        named = {
            "identity": identity,
            "request": request or self.was_asked(stage),
            "again": "yes" if self.had_finished(stage) else None,
        }
        entry = {"status": status} | {k: v for k, v in named.items() if v}
        owner = Owner.me() if status == "running" else None
        return replace(self, stages=self.stages | {stage: entry}, owner=owner)

    @property
    def is_busy(self) -> bool:
        """Whether another living process writes this run."""
        return self.owner is not None and self.owner.is_alive and self.owner != Owner.me()

    @property
    def is_stale(self) -> bool:
        """Whether its process died without closing it."""
        return self.owner is not None and not self.owner.is_alive


class RunRecords:
    """Reads and writes the records in the folder `runs`."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs

    def lock(self) -> FileLock:
        """The lock to hold while choosing a run to write; a thread may nest it."""
        self.runs.mkdir(parents=True, exist_ok=True)
        return FileLock(self.runs / ".lock", is_singleton=True)

    def delivery_lock(self, key: str, seconds: float) -> FileLock:
        """The lock by which only one process uploads a run at a time."""
        return FileLock(self.folder(key) / ".delivery.lock", timeout=seconds)

    def new_key(self) -> str:
        now = time.time()
        fraction = int(now % 1 * 1e6)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        return f"{stamp}-{fraction:06d}-{secrets.token_hex(3)}"

    def folder(self, key: str) -> Path:
        return self.runs / key

    def queue(self, key: str) -> UploadQueue:
        """The queue of metrics, parameters, tags and status."""
        return UploadQueue(self.folder(key) / "outbox.jsonl")

    def file_queue(self, key: str) -> UploadQueue:
        """The queue of artifacts, apart so that they never delay the metrics."""
        return UploadQueue(self.folder(key) / "files.jsonl")

    def read(self, key: str) -> RunRecord | None:
        """The record of a run, or None if there is none that can be read."""
        try:
            text = (self.folder(key) / "record.json").read_text(encoding="utf-8")
            value: dict[str, Any] = json.loads(text)
            owner = value.pop("owner")
            return RunRecord(**value, owner=Owner(**owner) if owner else None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # missing, torn or damaged

    def write(self, record: RunRecord) -> RunRecord:
        """Write the record to its folder, and return it."""
        write_json(self.folder(record.key) / "record.json", asdict(record))
        return record

    def update(self, key: str, **changes: Any) -> RunRecord | None:
        """Change some fields of a record, and return it; None if it is not there."""
        with self.lock():
            record = self.read(key)
            return self.write(replace(record, **changes)) if record else None

    def set_stage(self, key: str, stage: str, status: str, identity: str | None) -> None:
        """Record the status of a stage; the run loses its owner unless that is running."""
        with self.lock():
            if record := self.read(key):
                self.write(record.with_stage(stage, status, identity))

    def stores(self) -> set[str]:
        """The addresses, without passwords, of all stores that the records name."""
        found = (self.read(folder.name) for folder in self.runs.glob("*/"))
        return {record.store for record in found if record}

    def of_store(self, store: str) -> Iterator[RunRecord]:
        """All records of one store, newest first."""
        for folder in sorted(self.runs.glob("*/"), reverse=True):
            record = self.read(folder.name)
            if record and record.store == store:
                yield record

    def forget(self, key: str) -> None:
        """Delete the record and the queues of a run that the store no longer has."""
        shutil.rmtree(self.folder(key), ignore_errors=True)

    def remove_empty(self) -> None:
        """Remove the folders of runs whose process died before it wrote their record."""
        with self.lock():
            for folder in self.runs.glob("*/"):
                if not (folder / "record.json").exists():
                    remove_dead_drafts(folder)
                    with contextlib.suppress(OSError):
                        folder.rmdir()  # one with anything in it stays

    def is_uploaded(self, key: str) -> bool:
        """Whether nothing of this run waits for its upload."""
        return self.queue(key).is_empty and self.file_queue(key).is_empty

    def drop_uploaded(self, key: str) -> None:
        """Delete the queues of a run that is complete in the store and cannot resume."""
        with self.lock():
            record = self.read(key)
            if record is None or record.owner or not self.is_uploaded(key):
                return
            if record.stages.get("train", {"status": "finished"})["status"] == "finished":
                self.queue(key).clear()
                self.file_queue(key).clear()
                if not self.file_queue(key).rejected():
                    # Copies that a kill left before their line was written.
                    shutil.rmtree(self.folder(key) / "files", ignore_errors=True)
