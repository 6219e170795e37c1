"""A durable first-in-first-out queue of operations for the store, kept in a file.

Every operation is one JSON line, written before anything is sent, so a kill loses nothing.
The number of bytes that the store has taken is kept in a second file. A crash between the
two sends an operation twice, which the uploader makes harmless.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from snowmelt.common.files import new_file

Operation = dict[str, Any]
READ_BYTES = 1 << 18
BATCH_VALUES = 500


class UploadQueue:
    """The operations in `file` and, beside it, how many of its bytes were uploaded."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._mark = file.with_suffix(".sent")
        self._lock = threading.Lock()
        self._kept = b""

    def append(self, *operations: Operation) -> None:
        """Add operations. On a full disk they stay in memory until the next call."""
        lines = "".join(json.dumps(o, separators=(",", ":")) + "\n" for o in operations)
        with self._lock:
            self._kept += lines.encode()
            try:
                self._write()
            except OSError:
                with suppress(OSError):
                    self.repair()

    def _write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab", buffering=0) as stream:
            if stream.write(self._kept) != len(self._kept):
                raise OSError("short write")
        self._kept = b""

    @property
    def sent(self) -> int:
        """The bytes that the store has taken; a damaged count begins anew."""
        try:
            sent = int(self._mark.read_text())
        except (OSError, ValueError):
            return 0
        return sent if 0 <= sent <= self._size() else 0

    def mark_sent(self, offset: int) -> None:
        """Record that the store has taken everything before `offset`."""
        with new_file(self._mark) as draft:
            draft.write_text(str(offset))

    @property
    def is_empty(self) -> bool:
        """Whether the store has taken everything."""
        return not self._kept and self._size() <= self.sent

    def _size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def repair(self) -> None:
        """Cut off the half line that a kill in the middle of a write leaves."""
        if not self._size():
            return
        with self.file.open("rb+") as stream:
            size = stream.seek(0, os.SEEK_END)
            start = max(0, size - READ_BYTES)
            stream.seek(start)
            tail = stream.read()
            if not tail.endswith(b"\n"):
                stream.truncate(start + tail.rfind(b"\n") + 1)

    def next_batch(self) -> tuple[list[Operation], int]:
        """The next operations that may go together, and the offset after them.

        Consecutive metrics go together, up to BATCH_VALUES; anything else goes alone. The
        list is empty when nothing waits.
        """
        batch: list[Operation] = []
        end, values = self.sent, 0
        for operation, after in self._read(end):
            if batch and not (batch[0]["do"] == operation["do"] == "metrics"):
                break
            values += len(operation.get("values", ()))
            if batch and values > BATCH_VALUES:
                break
            batch.append(operation)
            end = after
        return batch, end

    def _read(self, offset: int) -> Iterator[tuple[Operation, int]]:
        """The whole lines from `offset` on, each with the offset after it."""
        if not self.file.exists():
            return
        with self.file.open("rb") as stream:
            stream.seek(offset)
            for line in stream:
                offset += len(line)
                if not line.endswith(b"\n"):
                    return
                yield _operation(line), offset

    def operations(self) -> Iterator[Operation]:
        return (operation for operation, _ in self._read(0))

    def logged(self) -> set[tuple[str, int]]:
        """The (key, step) pairs of all metrics in the file."""
        metrics = (o for o in self.operations() if o["do"] == "metrics")
        return {(key, o["step"]) for o in metrics for key in o["values"]}

    def newest(self, key: str) -> float | None:
        """The last value of a metric in the file."""
        found = None
        for operation in self.operations():
            if operation["do"] == "metrics" and key in operation["values"]:
                found = float(operation["values"][key])
        return found

    def last(self) -> Operation | None:
        newest = None
        for operation in self.operations():
            newest = operation
        return newest

    def waiting(self) -> list[Operation]:
        """What the store has not taken yet."""
        return [operation for operation, _ in self._read(self.sent)]

    @property
    def unwritten(self) -> int:
        """Operations that a full disk keeps in memory, which end with the process."""
        return self._kept.count(b"\n")

    @property
    def _rejected(self) -> Path:
        return self.file.with_suffix(".rejected")

    def rejected(self) -> list[Operation]:
        """What the store rejected, each with the reason."""
        if not self._rejected.is_file():
            return []
        lines = self._rejected.read_text(encoding="utf-8").splitlines()
        found: list[Operation] = []
        for line in lines:
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def retry_rejected(self) -> None:
        """Queue again what was rejected; a crash in between sends it twice."""
        again = [{k: v for k, v in o.items() if k != "reason"} for o in self.rejected()]
        if again:
            self.append(*again)
            self._rejected.unlink()

    def reject(self, operation: Operation, reason: str) -> None:
        """Set aside an operation that the store rejects, so that it blocks no other."""
        with self._rejected.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"reason": reason, **operation}) + "\n")

    def rewind(self) -> None:
        """Upload everything again, since the store has lost it."""
        self._mark.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete what was uploaded; the mark goes first: a crash then only sends twice."""
        self._mark.unlink(missing_ok=True)
        self.file.unlink(missing_ok=True)


def _operation(line: bytes) -> Operation:
    """The operation of a line; none if it was torn by a machine that lost its power."""
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and "do" in found:
            return found
    return {"do": "nothing"}
