"""Finished trainings: none is trained twice while its checkpoint is still there.

A pipeline or a sweep that failed late is repeated with the same training. What that made is
known by the training's identity, and is checked by its digests before it is taken.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from snowmelt.common.files import new_directory, sha256, write_json

KNOWN = 8  # folders remembered of one training, the newest first


class Finished:
    """Where the results of one training lie.

    Args:
        folder: keeps a note for each training.
        identity: the training's.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.note = folder / f"{identity[:16]}.json"
        self.identity = identity

    def remember(self, made: Path) -> None:
        """Note that the folder `made` holds what the training made."""
        digests = {path.name: sha256(path) for path in sorted(made.iterdir())}
        place = str(made.resolve())
        folders = [place, *(one for one in self._folders() if one != place)][:KNOWN]
        content = {"identity": self.identity, "digests": digests, "folders": folders}
        write_json(self.note, content)

    def find(self, target: Path) -> Path | None:
        """A folder that holds all that the training made, whole; `target` if it does."""
        digests = self._content().get("digests", {})
        for folder in (target.resolve(), *map(Path, self._folders())):
            if digests and all(_is(folder / name, digests[name]) for name in digests):
                return folder
        return None

    def take(self, source: Path, target: Path, marker: str) -> None:
        """Make `target` a copy of what was found, unless it is that itself.

        Args:
            marker: a file that a folder must hold to be replaced.
        """
        if source == target.resolve():
            return
        with new_directory(target, marker) as draft:
            for name in self._content()["digests"]:
                shutil.copyfile(source / name, draft / name)
        self.remember(target)

    def _folders(self) -> list[str]:
        return list(self._content().get("folders", []))

    def _content(self) -> dict[str, dict[str, str]]:
        try:
            read = json.loads(self.note.read_text(encoding="utf-8"))
            return read if read["identity"] == self.identity else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _is(path: Path, digest: str) -> bool:
    try:
        return sha256(path) == digest
    except OSError:
        return False
