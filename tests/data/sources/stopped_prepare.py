"""Prepares of a small folder of images, and how they are stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common import stopping
from snowmelt.data.sources.decoding_journal import Journal
from snowmelt.data.sources.folder import Folder
from snowmelt.data.sources.kept_rows import KeptRows, keeping
from snowmelt.data.sources.source import RawData


def folder(path: Path, kept: KeptRows | None = None, **changes: Any) -> Folder:
    settings = {"size": 4, "on_corrupt": "skip", "root": path.parent} | changes
    return Folder(name="mine", path=str(path), kept=kept, **settings)


def told(raw_data: RawData) -> tuple[Any, ...]:
    """All that a source says, in a form that can be compared."""
    rows = np.array(
        [raw_data.examples[n : n + 1][0] for n in range(len(raw_data.examples))]
    )
    return rows.tobytes(), rows.shape, raw_data.skipped, raw_data.notes


def place(raw: Path) -> Path:
    """Where a project keeps what it decodes."""
    return raw.parent / "kept"


def prepared(raw: Path, **changes: Any) -> tuple[Any, ...]:
    """What is prepared of a folder, to the end."""
    with keeping(place(raw)) as kept:
        found = told(folder(raw, kept, **changes).read())
        kept.finished()
    return found


def stop_after(runs: int, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Stop after some runs were remembered, as Ctrl-C does."""
    left, add = [runs], Journal.add

    def adding(*given: Any) -> None:
        if not left[0]:
            raise stopping.Stopped
        left[0] -= 1
        add(*given)

    monkeypatch.setattr(Journal, "add", adding)
    return monkeypatch


def interrupt(raw: Path, runs: int, **changes: Any) -> str:
    """Prepare, and stop after some runs; what was said at the end."""
    with pytest.MonkeyPatch.context() as patch:
        stop_after(runs, patch)
        with pytest.raises(stopping.Stopped) as stopped:
            prepared(raw, **changes)
    return str(stopped.value)


def files(raw: Path) -> tuple[Path, Path]:
    """The kept rows and their journal."""
    (kept,) = place(raw).glob("[!.]*")
    return kept / "rows", kept / "journal.jsonl"
