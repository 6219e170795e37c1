"""What the store has not taken of the runs of this project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from snowmelt.tracking.run_records import RunRecord, RunRecords

_SENDS = "the next snowmelt command sends it, or `snowmelt sync`"


@dataclass(frozen=True)
class Remains:
    """What waits of one run, or was rejected by the store.

    Attributes:
        operations: how many numbers, parameters, tags and the like wait.
        files: how many artifacts wait.
        refused: artifacts that were rejected, each with the reason.
        rejected: the reasons why other operations were rejected.
    """

    record: RunRecord
    folder: Path
    operations: int
    files: int
    refused: list[tuple[str, str]]
    rejected: list[str]

    @property
    def is_waiting(self) -> bool:
        return bool(self.operations or self.files)

    @property
    def is_nothing(self) -> bool:
        return not (self.is_waiting or self.refused or self.rejected)


def remains(run_records: RunRecords, store: str, own: str | None = None) -> list[Remains]:
    """Of all runs of a store, oldest first, but those that another process writes now.

    Args:
        own: the key of a run that this process writes.
    """
    found = []
    for record in reversed(list(run_records.of_store(store))):
        if record.key == own or not record.is_busy:
            one = _of(run_records, record)
            if not one.is_nothing:
                found.append(one)
    return found


def _of(run_records: RunRecords, record: RunRecord) -> Remains:
    queue, files = run_records.queue(record.key), run_records.file_queue(record.key)
    return Remains(
        record,
        run_records.folder(record.key),
        operations=len(queue.waiting()),
        files=len(files.waiting()),
        refused=[(Path(o["file"]).name, o["reason"]) for o in files.rejected()],
        rejected=[operation["reason"] for operation in queue.rejected()],
    )


def lines(found: Iterable[Remains], store: str, runs: Path, reason: str) -> list[str]:
    """What a person is told at the end of a command: a line on what waits, one on what was
    refused.

    Args:
        store: its address without a password.
        runs: the folder that the records lie in.
        reason: why the last attempt did not succeed; "" if it did.
    """
    told = []
    if waiting := [one for one in found if one.is_waiting]:
        why = reason or "another run, or another process, is to send first"
        told.append(
            f"the tracking store {store} has not taken {_counted(waiting)}"
            f" ({why}); all of it is kept in"
            f" {_place(waiting, runs)}: {_SENDS}"
        )
    if refused := [one for one in found if one.refused]:
        files = [file for one in refused for file in one.refused]
        told.append(
            f"the tracking store {store} refused {_plural(len(files), 'file')}"
            f" ({files[-1][0]}: {files[-1][1]}), kept in {_place(refused, runs)}:"
            " `snowmelt sync` tries again"
        )
    return told


def _place(found: list[Remains], runs: Path) -> Path:
    return found[0].folder if len(found) == 1 else runs


def _counted(found: list[Remains]) -> str:
    operations = sum(one.operations for one in found)
    files = sum(one.files for one in found)
    parts = [_plural(operations, "operation")] if operations else []
    parts += [_plural(files, "file")] if files else []
    return f"{' and '.join(parts)} of {_plural(len(found), 'run')}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
