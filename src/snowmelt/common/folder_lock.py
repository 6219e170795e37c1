"""One process at a time in a folder, by locks that the kernel frees when their holder dies.

`flock` locks an open file for as long as it is open. Nothing has to be cleaned up after a
process that was killed, and no process number has to be trusted that another process may
have by now. File systems that several machines share keep such locks too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from snowmelt.common.errors import StorageError, UserError

_ATTEMPTS, _PAUSE = 10, 0.02  # seconds: who has just locked a file is about to sign it
POLL = 0.5  # seconds between two looks at a lock that somebody else holds


class Busy(UserError):
    """Another process works in a folder; the message names it."""


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder for this process alone, now or not at all.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def only_one_in(folder: Path, work: str, *, otherwise: str) -> Iterator[None]:
    """Hold the lock of a folder, which need not exist; refuse at once if another does.

    The lock is a file beside the folder, since the folder itself is replaced as a whole and
    DVC deletes it. So commands meet at it from wherever they were started. It is removed at
    the end; one that a killed process left is taken over. Where the file system knows no
    locks that is said, and the work goes on without.

    Args:
        work: what is done there, for those who come later: "snowmelt train".
        otherwise: what they can do but wait: "name another folder".

    Raises:
        Busy: another process holds it.
        UserError: the folder has no name: it is the root of all.
        StorageError: the place cannot be written.
    """
    folder = folder.resolve()
    if not folder.name:
        raise UserError(f"{folder} is no place for results: name a folder below it")
    file = folder.with_name(f".{folder.name}.lock")
    with parents_of(file):
        descriptor = _locked(file, folder, otherwise)
        try:
            if descriptor is not None:
                _sign(descriptor, work)
            yield
        finally:
            if descriptor is not None:
                # While it is held: who opened it meanwhile sees that it is gone.
                file.unlink(missing_ok=True)
                os.close(descriptor)


@contextlib.contextmanager
def after_others_in(
    folder: Path, work: str, told: Callable[[str], object]
) -> Iterator[None]:
    """Hold the lock of a folder as `only_one_in` does, but wait until others are done.

    Args:
        told: called once, if there is somebody to wait for, with who that is.

    Raises:
        StorageError: the place cannot be written.
    """
    is_told = False
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(only_one_in(folder, work, otherwise="stop this one"))
                break
            except Busy as busy:
                if not is_told:
                    told(str(busy))
                is_told = True
                time.sleep(POLL)
        yield


@contextlib.contextmanager
def parents_of(target: Path) -> Iterator[None]:
    """Make the folders above `target`; those that stay empty are removed at the end.

    Raises:
        StorageError: they cannot be made.
    """
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target.parent, error) from error
    try:
        yield
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()  # one that holds what was made stays


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{folder} cannot be written: {error.strerror}: name another folder, or see that"
        " this one can be written"
    )


def _locked(file: Path, folder: Path, otherwise: str) -> int | None:
    """An open file with its lock; None where the file system has no locks."""
    missed = 0
    while True:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            # Whoever worked here removed a folder that stayed empty. In a few places, /proc
            # among them, it is there and still takes no file.
            missed += 1
            if isinstance(error, FileNotFoundError) and missed < _ATTEMPTS:
                file.parent.mkdir(parents=True, exist_ok=True)
                continue
            raise _unwritable(file.parent, error) from error
        try:
            is_ours = try_lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            file.unlink(missing_ok=True)
            print(
                f"snowmelt: {folder.parent} has no file locks ({error.strerror}): make sure"
                " yourself that only one command works there",
                file=sys.stderr,
            )
            return None
        if not is_ours:
            os.close(descriptor)
            raise Busy(
                f"{folder}: another process works there ({_signed(file)}): wait until it is"
                f" done, end it, or {otherwise}"
            )
        if is_there(file, descriptor):
            return descriptor
        os.close(descriptor)  # its holder has removed it at the end of the work


def is_there(place: Path, descriptor: int) -> bool:
    """Whether the file or folder of that name is still the one that is open."""
    try:
        return os.path.samestat(os.stat(place), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int, work: str) -> None:
    """Write down who holds the lock, for others to read."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = f"process {os.getpid()} on {socket.gethostname()}, `{work}`, since {since}\n"
    with contextlib.suppress(OSError):  # the lock holds without a name, on a full disk too
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _signed(file: Path) -> str:
    """Who holds the lock."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(OSError):
            if text := file.read_text(encoding="utf-8", errors="replace").strip():
                return text
        time.sleep(_PAUSE)
    return "it has not said who it is"
