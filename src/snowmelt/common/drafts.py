"""Drafts: what is written lies beside its target, in a folder that only its writer holds.

The folder is locked for as long as its writer lives. A draft without a lock is what a
killed process left, and the next one that writes in the same place removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from snowmelt.common.errors import StorageError
from snowmelt.common.folder_lock import is_there, parents_of, try_lock

PREFIX = ".snowmelt-draft-"
_OLD = 7 * 24 * 3600.0  # seconds: where nothing can be locked, age tells
_ALMOST_FULL = 1 << 22  # bytes
# What the place is to blame for, and not the program.
_FAULTS = {
    errno.ENOSPC: "make room there, or name another folder",
    errno.EDQUOT: "make room there, or name another folder",
    errno.EFBIG: "raise the limit (`ulimit -f`), or name another folder",
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "name a folder that you may write, or change its permissions",
    errno.EPERM: "name a folder that you may write, or change its permissions",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "a folder of that name is there: move it away, or choose another name",
    errno.ENOTDIR: "a file is where a folder should be: name another folder",
    errno.EIO: "the disk or the network fails: look at it, or name another folder",
}


@contextlib.contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A path on the target's file system to write to, in a folder that goes at the end.

    Raises:
        StorageError: the place cannot be written, or is full.
    """
    with faults_of(target), parents_of(target):
        remove_dead_drafts(target.parent)
        folder, descriptor = _locked_folder(target.parent)
        try:
            yield folder / target.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


@contextlib.contextmanager
def faults_of(target: Path) -> Iterator[None]:
    """Say in one line, with the room that is left, why a place cannot be written.

    Raises:
        StorageError: instead of an OSError that the place is to blame for.
    """
    try:
        yield
    except OSError as error:
        there = target.parent
        named = error.filename
        if isinstance(named, str | os.PathLike) and not Path(named).is_relative_to(there):
            raise
        if said := fault(error, there):
            raise StorageError(f"{_final(target)} cannot be written: {said}") from error
        raise


def fault(error: OSError, folder: Path) -> str:
    """What is wrong with a place, and what to do; "" if something else is wrong."""
    free = _free(folder)
    if error.errno is None and free is not None and free < _ALMOST_FULL:
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a library hides it
    if error.errno not in _FAULTS:
        return ""
    room = "" if free is None else f" ({free / 1e6:,.1f} MB free in {_final(folder)})"
    return f"{error.strerror}{room}: {_FAULTS[error.errno]}"


def _final(place: Path) -> Path:
    """Where a place inside drafts will be."""
    return Path(*(part for part in place.parts if not part.startswith(PREFIX)))


def _free(folder: Path) -> int | None:
    """The bytes that are free where a folder is, or will be."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(place).free
    return None


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """A new folder that this process holds, and its descriptor."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        # Another process may take it for a dead one in the moment before it is locked.
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            if _is_ours(descriptor) and is_there(folder, descriptor):
                return folder, descriptor
            os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        return True  # nothing can be locked here, so nobody else can hold it


def remove_dead_drafts(parent: Path) -> None:
    """Remove what killed processes left in a folder; nothing of a living one."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # removed meanwhile, or another user's
        try:
            if _is_dead(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _is_dead(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:
        return time.time() - os.fstat(descriptor).st_mtime > _OLD


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder that the next command removes if this one is killed."""
    with draft_of(Path(tempfile.gettempdir()) / "scratch") as folder:
        folder.mkdir()
        yield folder
