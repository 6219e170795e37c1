"""What the processes of a group tell the one that started and watches them.

They share a folder. Each process notes there what it is at, that it lives, and how it
ended. One that fails writes its error there instead of printing it, since the errors of the
others (a lost connection) follow from it: the starter shows the first one alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snowmelt.common import distributed
from snowmelt.common.files import write_json


@dataclass(frozen=True)
class End:
    """How a process ended.

    Args:
        kind: "error" (a user's mistake), "defect" (with traceback) or "stopped".
        text: the message, or what was reached.
        details: the traceback of a defect.
        follows: whether another process failed before, by the look of it.
    """

    kind: str
    text: str
    details: str = ""
    follows: bool = False


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error looks like the end of another process of the group."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    lost = ("Connection closed by peer", "Connection reset by peer", "gloo", "NCCL")
    return "DistError" in kinds or any(word in str(error) for word in lost)


class Reporter:
    """This process's own notes; without a group that snowmelt started, none."""

    def __init__(self) -> None:
        folder = os.environ.get(distributed.STARTED)
        self._at = Path(folder) / str(distributed.rank()) if folder else None
        self._marks = self._beats = 0
        self._noted = -float("inf")

    @property
    def is_heard(self) -> bool:
        """Whether somebody reads the notes."""
        return self._at is not None

    def mark(self, text: str, *, every: float = 0.0) -> None:
        """Note what this process is at; all processes go through the same marks.

        Args:
            every: seconds between two notes, at least, where marks come fast.
        """
        self._marks += 1
        if time.monotonic() - self._noted >= every:
            self._noted = time.monotonic()
            self._note("mark", f"{self._marks} {text}")

    def progress(self, text: str, *, every: float = 0.0) -> None:
        """Note that this process gets on with what it does alone, between two marks.

        Its place among the marks stays, so that the others are not taken for late.

        Args:
            text: what it is at.
            every: see `mark`.
        """
        if time.monotonic() - self._noted >= every:
            self._noted = time.monotonic()
            self._note("progress", f"{time.monotonic_ns()} {text}")

    def keep(self, text: str) -> None:
        """Note what is saved by now, for the same command to go on from."""
        self._note("kept", text)

    def beat(self) -> None:
        """Note that this process runs."""
        self._beats += 1
        self._note("beat", str(self._beats))

    def _note(self, kind: str, text: str) -> None:
        if self._at is not None:
            with contextlib.suppress(OSError):
                self._at.with_suffix(f".{kind}").write_text(text, encoding="utf-8")

    def end(self, kind: str, text: str, details: str = "", follows: bool = False) -> None:
        """Note how this process ends."""
        if self._at is not None:
            given = {"kind": kind, "text": text, "details": details, "follows": follows}
            with contextlib.suppress(OSError):
                write_json(self._at.with_suffix(".end"), given)


@dataclass
class _Seen:
    text: str = ""
    since: float = field(default_factory=time.monotonic)

    def look(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            return
        if text != self.text:
            self.text, self.since = text, time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the note changed."""
        return time.monotonic() - self.since


class Watch:
    """Reads the notes of `count` processes in `folder`."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.marks = [_Seen() for _ in range(count)]
        self.progress = [_Seen() for _ in range(count)]
        self.beats = [_Seen() for _ in range(count)]

    def end_of(self, rank: int) -> End | None:
        """How a process said that it ended."""
        try:
            read: Any = json.loads((self.folder / f"{rank}.end").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return End(**read)

    def look(self) -> None:
        """Read the notes anew."""
        # The mark last: it is the newer of two notes between the same two looks.
        kinds = {"beat": self.beats, "progress": self.progress, "mark": self.marks}
        for kind, all_seen in kinds.items():
            for rank, seen in enumerate(all_seen):
                seen.look(self.folder / f"{rank}.{kind}")

    def late(self, limit: float) -> list[int]:
        """The processes that the others wait for, once there was no progress for `limit`.

        Those that do not even run (stopped, or stuck in a call), else those that are
        behind; all of them if none is. Empty while there is progress.
        """
        if min(seen.age for seen in (*self.marks, *self.progress)) < limit:
            return []
        frozen = [r for r, beat in enumerate(self.beats) if beat.age > limit / 2]
        reached = [int(mark.text.partition(" ")[0] or 0) for mark in self.marks]
        behind = [r for r, number in enumerate(reached) if number == min(reached)]
        return frozen or behind

    def last_mark(self, rank: int) -> str:
        """What a process was at, as far as it is known."""
        newest = min(self.marks[rank], self.progress[rank], key=lambda seen: seen.age)
        said = newest.text or self.marks[rank].text
        return said.partition(" ")[2] or "starting"

    def kept(self) -> str:
        """What is saved, as one of the processes said; "" if none did."""
        for path in sorted(self.folder.glob("*.kept")):
            with contextlib.suppress(OSError):
                return path.read_text(encoding="utf-8")
        return ""
