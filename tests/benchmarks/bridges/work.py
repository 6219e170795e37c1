"""Pieces of work and what each waits for, done by several processes."""

from __future__ import annotations

import multiprocessing
import queue
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from snowmelt.pipeline.freed_memory import keep_freed_memory

_POLL = 0.5  # seconds

Tick = Callable[[float], None]
_reports: Any = None  # of a process of the pool: where it tells how far it is


@dataclass(frozen=True)
class Work:
    """One piece.

    Attributes:
        does: called with a function that is told the share that was done since; answers
            the processor seconds that calls which were killed have spent on it, if any.
        size: about how long it takes, in any unit.
        after: the names of the pieces before it.
        file: what the pieces after it read; none where its result is for no piece.
    """

    name: str
    does: Callable[[Tick], float | None]
    size: float = 1.0
    after: tuple[str, ...] = ()
    file: Path | None = None

    def waiting_for(self, names: Collection[str]) -> Work:
        """The same, where only these are still to do."""
        return replace(self, after=tuple(name for name in self.after if name in names))


def done(pieces: Sequence[Work], jobs: int) -> Iterator[tuple[str, float]]:
    """Do all pieces, in their order where they wait for nothing.

    Args:
        jobs: processes; 0 for this one.

    Yields:
        The name of each that is finished, and the processor's seconds that it took.
    """
    with tqdm(total=round(sum(one.size for one in pieces), 2), unit="min") as bar:
        if not jobs:
            for one in pieces:
                yield one.name, _timed(one.does, partial(_move, bar, one))
            return
        context = multiprocessing.get_context("spawn")
        reports = context.Queue()
        pool = ProcessPoolExecutor(jobs, context, _begin, (reports,))
        with pool:
            yield from _by_pool(pool, reports, list(pieces), bar, jobs)


def _by_pool(
    pool: ProcessPoolExecutor, reports: Any, waiting: list[Work], bar: Any, jobs: int
) -> Iterator[tuple[str, float]]:
    sizes = {one.name: one for one in waiting}
    open_names = set(sizes)
    running: dict[Future[float], str] = {}
    while waiting or running:
        for one in [one for one in waiting if not open_names & set(one.after)]:
            if len(running) == jobs:
                break
            running[pool.submit(_reporting, one)] = one.name
            waiting.remove(one)
        finished, _ = wait(running, _POLL, FIRST_COMPLETED)
        for name, share in _told(reports):
            _move(bar, sizes[name], share)
        for future in finished:
            name = running.pop(future)
            seconds = future.result()
            open_names.discard(name)
            yield name, seconds


def _move(bar: Any, one: Work, share: float) -> None:
    bar.set_description_str(one.name, refresh=False)
    bar.update(round(share * one.size, 4))


def _told(reports: Any) -> Iterator[tuple[str, float]]:
    while True:
        try:
            yield reports.get_nowait()
        except queue.Empty:
            return


def _begin(reports: Any) -> None:
    global _reports
    _reports = reports
    keep_freed_memory()  # as every command of ours: each step asks for the same room again
    torch.set_num_threads(1)


def _reporting(one: Work) -> float:
    return _timed(one.does, lambda share: _reports.put((one.name, share)))


def _timed(does: Callable[[Tick], float | None], tick: Tick) -> float:
    """Do it, tell what of it nobody was told, and answer what it took in all calls."""
    told = 0.0

    def counted(share: float) -> None:
        nonlocal told
        told += share
        tick(share)

    before = time.process_time()
    earlier = does(counted) or 0.0
    tick(1.0 - told)
    return earlier + time.process_time() - before
