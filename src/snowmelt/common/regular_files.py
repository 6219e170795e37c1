"""Opening files that a stranger named: regular ones only, however they are called.

Reading a named pipe waits for ever, reading a device may never end, and a name says
nothing about either.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class IrregularFileError(OSError):
    """A pipe, socket, device or folder in the place of a file."""


def kind_of(path: Path) -> str | None:
    """None for a regular file, else what it is: "a named pipe", say. Links are followed.

    Raises:
        OSError: there is nothing, or nothing that one may look at.
    """
    return _kind(os.stat(path).st_mode)


def refuse_irregular(path: Path) -> None:
    """Refuse what is no regular file, without opening it.

    Raises:
        IrregularFileError: it is something else.
        OSError: there is nothing, or nothing that one may look at.
    """
    _refuse(kind_of(path))


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, without ever waiting for a writer.

    Raises:
        IrregularFileError: it is something else.
        OSError: it cannot be opened.
    """
    refuse_irregular(path)  # opening alone can move a tape or wake a device
    # It may have become a pipe since; opened so, that does not wait.
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - handed out
    try:
        _refuse(_kind(os.fstat(file.fileno()).st_mode))
    except BaseException:
        file.close()  # by its one owner: the number alone may be another file's by now
        raise
    return file


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def _kind(mode: int) -> str | None:
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def _refuse(kind: str | None) -> None:
    if kind is not None:
        raise IrregularFileError(f"it is {kind}, not a file")
