"""Processes that keep the machine busy, as other people's do."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

BUSY = "while True: pass"


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute without end; each in a session of its own."""
    processes = [
        subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True)
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
