"""Commands of a sweep, each in a process that ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common import stopping
from snowmelt.common.instantiate import plain
from snowmelt.common.yaml_files import dump_yaml

_TAIL = 4000


def run_stage(
    command: str, config: DictConfig, file: Path, environment: Mapping[str, str]
) -> tuple[int, str]:
    """Run a stage, or the pipeline, of a composed configuration, and show its output.

    Args:
        file: where the configuration is written for it.

    Returns:
        Its status, and the last line that it wrote to standard error.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dump_yaml(plain(config)), encoding="utf-8")
    arguments = [sys.executable, "-m", "snowmelt", command, "--config", str(file)]
    process = stopping.start(arguments, environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    tail = b""
    with stopping.ending([process]), process.stderr as stream:
        while chunk := os.read(stream.fileno(), 4096):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            tail = (tail + chunk)[-_TAIL:]
        return process.wait(), _last_line(tail)


def _last_line(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    return lines[-1] if lines else ""
