"""What a sweep tells the process of one of its jobs about the run that it opens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

VARIABLE = "SNOWMELT_JOB"


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep; without a sweep one without a name.

    Attributes:
        name: of its run, by what sets it apart: "cosine, seed 1".
        keys: of the configuration, which the sweep varies.
        command: what runs the job again by itself.
    """

    name: str = ""
    keys: tuple[str, ...] = ()
    command: str = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes this the job of another process."""
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def current(cls) -> SweepJob:
        """That of this process; one without a name where the variable holds none."""
        try:
            told = json.loads(os.environ.get(VARIABLE, "{}"))
            keys = tuple(str(key) for key in told.get("keys", ()))
            return cls(str(told.get("name", "")), keys, str(told.get("command", "")))
        except (ValueError, AttributeError, TypeError):
            return cls()
