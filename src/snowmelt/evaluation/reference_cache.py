"""References that were made before: once for each data set, extractor and way of measuring.

The jobs of a sweep share data and extractor, and so do most runs of a project. What stage
reference writes is therefore kept in a folder that is named by all that decides it: the
data, the settings, the files that they name, the code and the libraries. A kept reference
is compared with the digests in its record before it is used, and one that is damaged is
removed and made again. Folders appear and go as a whole, so that commands may work beside
each other: one that finds no folder, or loses it, makes its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from snowmelt.common.code_identity import code_digest
from snowmelt.common.drafts import remove_dead_drafts
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_directory, remove_directory, require_ours, sha256
from snowmelt.common.records import content_digest, read_record
from snowmelt.common.verification import Verification
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.features.extractor import find_files
from snowmelt.evaluation.reference_features import DESCRIPTION, FORMAT

MOST, LARGEST = 8, 2**31
"""How many references are kept, and how many bytes all of them may have."""
CODE = (
    "common",
    "data/prepared",
    "evaluation/features",
    "evaluation/reference_features.py",
    "evaluation/reference_networks.py",
)
_LIBRARIES = ("numpy", "torch", "torch-fidelity", "torchmetrics")
_STAGE = "reference"


def identity(
    manifest: Manifest, features: Mapping[str, Any], root: Path, code: Sequence[str] = CODE
) -> str:
    """Names a reference by all that decides its bytes.

    Args:
        features: the section of the configuration.
        root: what paths in it are relative to.
        code: the parts of the package that make it.

    Raises:
        UserError: a file that the extractor reads is not to be had.
    """
    decisive = {
        "format": FORMAT,
        "data": manifest.digest,
        "classes": manifest.classes,
        "features": features,
        "files": [sha256(file) for file in find_files(features, root)],
        "code": code_digest(code),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }
    return content_digest(decisive)


class ReferenceCache:
    """The references that are kept in a folder.

    Args:
        folder: which may be removed at any time.
        name: what `identity` gave, of the one that is wanted here.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.place = folder / name[:16]

    def take(self, target: Path) -> dict[str, Any] | None:
        """Put a kept reference into a folder; None if there is none that is intact.

        Args:
            target: replaced if stage reference made it.

        Returns:
            The content of reference.json.

        Raises:
            UserError: `target` holds something else, or cannot be written.
        """
        require_ours(target, DESCRIPTION)
        description = self._intact()
        if description is None:
            return None
        try:
            with new_directory(target, DESCRIPTION) as draft:
                for name in (*description["digests"], DESCRIPTION):
                    shutil.copyfile(self.place / name, draft / name)
        except FileNotFoundError:
            return None  # another command has removed it meanwhile
        with contextlib.suppress(OSError):
            os.utime(self.place)
        return description

    def keep(self, source: Path) -> None:
        """Keep a reference that was made, if there is room for it."""
        if _size(source) > LARGEST:
            return
        with contextlib.suppress(UserError, OSError):
            with new_directory(self.place, DESCRIPTION) as draft:
                for file in source.iterdir():
                    shutil.copyfile(file, draft / file.name)
            self._remove_oldest()

    def _intact(self) -> dict[str, Any] | None:
        """What the record says, of a reference whose files are as they were written."""
        if not self.place.exists():
            return None
        try:
            description = read_record(self.place / DESCRIPTION, made_by=_STAGE)
            digests = description["digests"]
            Verification(self.place, digests, made_by=_STAGE).finish()
            return description
        except (UserError, OSError, LookupError, TypeError):
            print(f"reference: what {self.place} keeps is damaged, and is made again")
            _remove(self.place)
            return None

    def _remove_oldest(self) -> None:
        """Keep the references that were used last, as far as the bounds allow."""
        remove_dead_drafts(self.folder)
        places = [place for place in self.folder.glob("[!.]*") if place.is_dir()]
        room = LARGEST
        for number, place in enumerate(sorted(places, key=_changed, reverse=True)):
            room -= _size(place)
            if number >= MOST or room < 0:
                _remove(place)


def _size(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


def _changed(place: Path) -> float:
    with contextlib.suppress(OSError):
        return place.stat().st_mtime
    return 0.0


def _remove(place: Path) -> None:
    with contextlib.suppress(UserError, OSError):
        remove_directory(place)
