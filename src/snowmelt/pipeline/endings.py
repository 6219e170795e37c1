"""How a command ends that did not succeed: in one line, and a status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from snowmelt.common import stopping
from snowmelt.common.rank_reports import Reporter


def refused(command: str, said: str, reporter: Reporter) -> int:
    """Say what was wrong; in a group, to the process that started it."""
    # An argument may hold bytes that are no text.
    said = said.encode("utf-8", "backslashreplace").decode()
    reporter.end("error", said)
    if not reporter.is_heard and os.environ.get("RANK", "0") == "0":
        print(f"snowmelt {command}: error: {said}", file=sys.stderr)
    return 2


def stopped(command: str, reached: str, typed: Sequence[str], reporter: Reporter) -> int:
    """Say how to go on; in a group, let the process that started it say so."""
    reporter.end("stopped", reached)
    # One that another process started leaves it to that one to speak.
    if stopping.STARTER not in os.environ and os.environ.get("RANK", "0") == "0":
        then = stopping.how_to_go_on(typed)
        said = f"stopped{' ' if reached else ''}{reached}; go on with: {then}"
        line = f"snowmelt {command}: {said}"
        # Below what a progress bar has left on a terminal.
        print(f"\n{line}" if sys.stderr.isatty() else line, file=sys.stderr)
    return stopping.STATUS


def said_of_installation(error: Exception) -> str:
    """One line where the packages of the commands are not installed; "" if they are."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is None or missing.partition(".")[0] == "snowmelt":
        return ""
    return (
        f"the package {missing} is not installed, as where snowmelt was installed for"
        " sampling in Python alone: `pip install 'snowmelt[pipeline]'` brings what the"
        " commands need"
    )


def said_of_storage(error: OSError) -> str:
    """One line about a file or a disk; "" if none is to blame."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    import tempfile

    from snowmelt.common.drafts import fault

    # It was none of the outputs, whose folder is named where they are written.
    return fault(error, Path(tempfile.gettempdir()))
