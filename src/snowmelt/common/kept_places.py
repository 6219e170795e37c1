"""Folders of unfinished work, which the next command goes on from.

Each is named by all that decides the work, so that nothing else is ever found in it. One
command at a time works there, and how many others are kept is bounded.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from snowmelt.common.drafts import remove_dead_drafts
from snowmelt.common.errors import UserError
from snowmelt.common.files import remove_directory
from snowmelt.common.folder_lock import only_one_in, try_lock

OTHERS = 2  # folders of other work that are kept, too
PATIENCE, _PAUSE = 60.0, 0.1  # seconds: a process that lost its command ends before


def only_one_at(place: Path, work: str) -> contextlib.AbstractContextManager[None]:
    """Hold a place, which need not exist, for one command.

    Args:
        work: the command, for those who come later: "snowmelt prepare".

    Raises:
        UserError: another command works there.
    """
    return only_one_in(place, work, otherwise="let both work")


@contextlib.contextmanager
def locked_file(path: Path, command: str) -> Iterator[BinaryIO]:
    """A file, open for reading and writing, that no other process holds.

    Raises:
        UserError: one of an earlier command still does.
        OSError: the file system has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "r+b") as file:
        deadline = time.monotonic() + PATIENCE
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise UserError(f"a process of an earlier {command} still writes {path}")
            time.sleep(_PAUSE)
        try:
            yield file
        finally:
            # Whoever has it mapped, or inherited it, keeps the file open.
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def remove(place: Path) -> None:
    """Remove a place at once, if that can be done."""
    with contextlib.suppress(UserError, OSError):
        remove_directory(place)


def remove_others(folder: Path, mine: Path, work: str, most: int) -> None:
    """Remove the places of other work in a folder, but for the newest and those in use.

    Args:
        most: how many of them stay.
    """
    remove_dead_drafts(folder)
    places = [p for p in folder.glob("[!.]*") if p != mine and p.is_dir()]
    for place in sorted(places, key=_changed, reverse=True)[most:]:
        with contextlib.suppress(UserError), only_one_at(place, work):
            remove(place)


def _changed(place: Path) -> float:
    """When something was written in a place last."""
    times = [0.0]
    with contextlib.suppress(OSError):
        times += [path.stat().st_mtime for path in (place, *place.iterdir())]
    return max(times)
