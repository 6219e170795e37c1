"""Files that wait for their upload, as copies in the folder of their run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snowmelt.tracking.run_records import RunRecords


class Spool:
    """Takes files for the run `key` as long as it is open.

    Attributes:
        is_open: afterwards a file is dropped.
    """

    def __init__(self, run_records: RunRecords, key: str) -> None:
        self.is_open = True
        self._folder = run_records.folder(key)
        self._queue = run_records.file_queue(key)

    def add(self, name: str, write: Callable[[Path], object], **operation: Any) -> None:
        """Let `write` make a file, and queue an operation on it, such as its upload."""
        if not self.is_open:
            return
        files = self._folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=files))
        write(place / name)
        file = f"files/{place.name}/{name}"
        self._queue.append({"do": "file", "file": file, **operation})

    def copy(self, path: Path, name: str, **operation: Any) -> None:
        """A file as it is now; DVC, or a later checkpoint, may soon replace it."""
        self.add(name, lambda copy: shutil.copyfile(path, copy), **operation)

    def text(self, name: str, text: str, **operation: Any) -> None:
        """A text as the file `name`, such as `notes/failed.txt`."""
        folder, _, file = name.rpartition("/")
        operation |= {"folder": folder}
        self.add(file, lambda copy: copy.write_text(text, "utf-8"), **operation)
