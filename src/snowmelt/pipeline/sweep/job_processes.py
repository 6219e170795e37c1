"""Commands of a sweep, each in a process that ends with this one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from snowmelt.common import stopping
from snowmelt.pipeline.launch import environment_of_job

_TAIL = 4000
# A job has one process of its own, which must not take itself for a part of the allocation.
_OF_CLUSTER = ("SLURM_", "SUBMITIT_")


def run_stage(
    command: str,
    file: Path,
    root: Path,
    variables: Mapping[str, str],
    log: Path | None = None,
) -> str:
    """Run a stage, or the pipeline, of a composed configuration.

    Args:
        file: the configuration.
        variables: of the environment, beside those of this process.
        log: where its output goes; None shows it.

    Returns:
        Why it failed, in a line; nothing where it did not.
    """
    arguments = [sys.executable, "-m", "snowmelt", command, "--config", str(file)]
    environment = {**environment_here(root), **variables}
    with _output(log) as out:
        errors = subprocess.PIPE if log is None else subprocess.STDOUT
        process = stopping.start(arguments, environment, stdout=out, stderr=errors)
        with stopping.ending([process]):
            tail = b"" if process.stderr is None else _shown(process.stderr)
            code = process.wait()
    return said_of(code, tail if log is None else _end_of(log)) if code else ""


def environment_here(root: Path) -> dict[str, str]:
    """This process's environment without what ties it to others."""
    found = environment_of_job(root)
    return {k: v for k, v in found.items() if not k.startswith(_OF_CLUSTER)}


def said_of(code: int, tail: bytes) -> str:
    """Why a process ended with a status that is not 0.

    Args:
        tail: the end of what it wrote to standard error.
    """
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", as the system does for lack of memory" if name == "SIGKILL" else ""
        return f"it was ended by {name}{hint}"
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    return lines[-1] if lines else f"it ended with status {code}"


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes] | None]:
    if log is None:
        yield None
        return
    with log.open("ab") as file:
        yield file


def _shown(stream: IO[bytes]) -> bytes:
    """Hand on what a process writes; returns the end of it."""
    tail = b""
    with stream:
        while chunk := os.read(stream.fileno(), 4096):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            tail = (tail + chunk)[-_TAIL:]
    return tail


def _end_of(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(os.path.getsize(log) - _TAIL, 0))
        return file.read()
