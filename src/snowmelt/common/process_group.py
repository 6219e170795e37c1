"""A group of processes that share one piece of work and one folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import torch.distributed as dist

from snowmelt.common import distributed
from snowmelt.common.files import new_directory

T = TypeVar("T")
# Of a process for the others, which may have as much again to do. One that dies is noticed
# at once; whether a group hangs is watched by who started it.
PATIENCE = timedelta(days=1)


class Group:
    """The processes that torchrun started, or this one alone."""

    def __enter__(self) -> Group:
        self._started = distributed.is_launched() and not dist.is_initialized()
        if self._started:
            # Files are what is shared here, so the backend of the processor is enough.
            dist.init_process_group("gloo", timeout=PATIENCE)
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world_size = dist.get_world_size() if dist.is_initialized() else 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._started:
            dist.destroy_process_group()

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.world_size > 1:
            dist.barrier()

    def from_first(self, value: T) -> T:
        """The value that the first process gives, for all."""
        values = [value]
        if self.world_size > 1:
            dist.broadcast_object_list(values, src=0)
        return values[0]

    @contextlib.contextmanager
    def directory(self, target: Path, marker: str) -> Iterator[Path]:
        """One draft folder for all, put in place by the first process at the end.

        The processes must see the same file system.
        """
        with contextlib.ExitStack() as stack:
            name = ""
            if self.rank == 0:
                name = os.fspath(stack.enter_context(new_directory(target, marker)))
            yield Path(self.from_first(name))
            self.wait()
