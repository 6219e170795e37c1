"""A project in a folder of its own, in which our commands run as anybody's do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.project import clean_environment, make_workspace


class Project:
    """A project with this tree's conf/, sources and params.yaml.

    Args:
        folder: made if it is not there.
        chosen: overrides of every command.
        is_quiet: whether what the commands say is kept from the terminal; it is told of
            one that fails.
    """

    def __init__(self, folder: Path, chosen: Sequence[str], is_quiet: bool = False) -> None:
        self.folder, self.chosen, self.is_quiet = make_workspace(folder), chosen, is_quiet

    def run(
        self, command: str, overrides: Sequence[str] = (), threads: int | None = None
    ) -> None:
        """Run a command of ours.

        Args:
            threads: of torch; None for as many as it takes by itself.

        Raises:
            RuntimeError: it failed.
        """
        done = subprocess.run(
            self._line(command, overrides),
            env=self._environment(threads),
            cwd=self.folder,
            capture_output=self.is_quiet,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"snowmelt {command}: {(done.stderr or '')[-2000:]}")

    def started(self, command: str, overrides: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command of ours, unheard, in a process group of its own."""
        return subprocess.Popen(
            self._line(command, overrides),
            env=self._environment(None),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            process_group=0,
        )

    def _line(self, command: str, overrides: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "snowmelt", command, *self.chosen, *overrides]

    def _environment(self, threads: int | None) -> dict[str, str]:
        environment = clean_environment({"PROJECT_ROOT": str(self.folder)})
        del environment["OMP_NUM_THREADS"]
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        return environment
