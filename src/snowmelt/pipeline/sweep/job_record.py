"""result.json: how a job of a sweep ended, so that no sweep runs it a second time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snowmelt.common.files import sha256, write_json

FILE = "result.json"
FINISHED, FAILED, RUNNING = "finished", "failed", "running"


@dataclass(frozen=True)
class JobRecord:
    """The record in the folder of a job.

    Args:
        folder: of the job.
        identity: what decides it: `snowmelt.pipeline.sweep.job_identity`.
        metrics: the file of its numbers.
    """

    folder: Path
    identity: str
    metrics: Path

    def begin(self, overrides: Mapping[str, str]) -> None:
        """Note that the job runs; a kill leaves it at that."""
        self._write(RUNNING, overrides)

    def end(self, overrides: Mapping[str, str], seconds: float, error: str = "") -> None:
        """Note how it ended; one that finished has the digest of its numbers."""
        if error:
            self._write(FAILED, overrides, seconds=seconds, error=error)
        else:
            digest = sha256(self.metrics)
            self._write(FINISHED, overrides, seconds=seconds, metrics=digest)

    def _write(self, status: str, overrides: Mapping[str, str], **more: Any) -> None:
        said = {"status": status, "identity": self.identity, "overrides": dict(overrides)}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / FILE, said | more)

    @property
    def seconds(self) -> float | None:
        """How long the job took, the last time that it was run."""
        return self._content().get("seconds")

    @property
    def is_finished(self) -> bool:
        """Whether this very job finished, and its numbers are those that it wrote."""
        said = self._content()
        if (said.get("status"), said.get("identity")) != (FINISHED, self.identity):
            return False
        try:
            return sha256(self.metrics) == said.get("metrics")
        except OSError:
            return False

    def _content(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
