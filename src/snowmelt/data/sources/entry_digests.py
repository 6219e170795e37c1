"""What images are read from, in a digest: it changes when one of them does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from snowmelt.data.sources.image_list import Entry


def digest_of_entries(folder: str, entries: Iterable[Entry]) -> str:
    """A digest of what images are read from: names, and places in an archive or, in a
    folder, sizes and times.

    The time of the last change of a file's record tells what the time of its content does
    not: a copy that keeps the time of the original, or permission to read it.

    Args:
        folder: the folder of the images, or "" for those of an archive.
    """
    digest = hashlib.sha256()
    for name, place in entries:
        told = place if place else file_stamp(os.path.join(folder, name))
        digest.update(os.fsencode(name) + b"\0" + repr(told).encode() + b"\0")
    return digest.hexdigest()


def file_stamp(file: str | Path | int) -> tuple[int, ...]:
    """The size of a file and its times in nanoseconds; nothing where there is no file."""
    try:
        found = os.stat(file)
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
