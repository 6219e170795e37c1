"""A group of processes that share one piece of work and one folder.

Work that comes in numbered parts is dealt out: part k is that of process k modulo the size
of the group. The parts are the same for any number of processes, and what they give is put
together in the order of the parts, so one process and many end in the same numbers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import torch
import torch.distributed as dist
from numpy.typing import NDArray

from snowmelt.common import distributed
from snowmelt.common.files import new_directory

T = TypeVar("T")
# Of a process for the others, which may have as much again to do. One that dies is noticed
# at once; whether a group hangs is watched by who started it.
PATIENCE = timedelta(days=1)


class Group:
    """The processes that torchrun started, or this one alone.

    Outside of its `with` it is this process alone.
    """

    rank, world_size = 0, 1

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
        self.rank, self.world_size = Group.rank, Group.world_size
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

    def owns(self, part: int) -> bool:
        """Whether a part of shared work is for this process."""
        return part % self.world_size == self.rank

    def by(self, part: int, work: Callable[[], T]) -> T:
        """What one process gives, the one that owns a part, for all."""
        values = [work() if self.owns(part) else None]
        if self.world_size > 1:
            dist.broadcast_object_list(values, src=part % self.world_size)
        return values[0]  # type: ignore[return-value]

    def joined(self, own: Mapping[int, T]) -> list[T]:
        """What all processes have by the numbers of their parts, in that order."""
        every = [own]
        if self.world_size > 1:
            every = [own] * self.world_size
            dist.all_gather_object(every, own)
        merged = {number: found for some in every for number, found in some.items()}
        return [merged[number] for number in sorted(merged)]

    def complete(self, rows: NDArray, size: int) -> None:
        """Fill in the parts of an array, `size` rows each, that other processes have.

        Shapes:
            rows: (N, *), in which this process has filled the parts that it owns
        """
        if self.world_size > 1:
            for part, start in enumerate(range(0, len(rows), size)):
                some = torch.from_numpy(rows[start : start + size])
                dist.broadcast(some, src=part % self.world_size)

    def sum_of(self, count: int, term: Callable[[int], NDArray]) -> NDArray:
        """The sum of `term(0)`, `term(1)`, ..., added up in this order, for all.

        Args:
            count: how many, at least one; each is computed by the process that owns it.
        """
        total: NDArray | None = None
        for first in range(0, count, self.world_size):
            number = first + self.rank
            own = {number: term(number)} if number < count else {}
            for part in self.joined(own):
                total = part if total is None else total + part
        assert total is not None
        return total

    @contextlib.contextmanager
    def sharing(self) -> Iterator[None]:
        """Let what is called inside, in every process alike, share its work."""
        with _at_work(self):
            yield

    @contextlib.contextmanager
    def directory(self, target: Path, marker: str) -> Iterator[Path]:
        """One draft folder for all, which is in place for all when the block has ended.

        The first process puts it there. The processes must see the same file system.
        """
        with contextlib.ExitStack() as stack:
            name = ""
            if self.rank == 0:
                name = os.fspath(stack.enter_context(new_directory(target, marker)))
            yield Path(self.from_first(name))
            self.wait()
        self.wait()


_current = [Group()]


def at_work() -> Group:
    """The group that shares the work at hand: outside of `Group.sharing` this process."""
    return _current[-1]


def alone() -> contextlib.AbstractContextManager[None]:
    """Let what is called inside be the work of this process alone."""
    return _at_work(Group())


@contextlib.contextmanager
def _at_work(group: Group) -> Iterator[None]:
    _current.append(group)
    try:
        yield
    finally:
        _current.pop()
