"""All images of a list, decoded by as many processes as there are processors."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.data.sources.decoded import FEW, RUN, Decoded
from snowmelt.data.sources.decoding import (
    Plan,
    answered,
    asked,
    decode_run,
    is_still_unreadable,
)
from snowmelt.data.sources.decoding_journal import Journal
from snowmelt.data.sources.entry_digests import digest_of_entries
from snowmelt.data.sources.image_list import Entry, ImageList
from snowmelt.data.sources.picture_tally import PictureTally

_SERVE = "from snowmelt.data.sources.decoding import serve; serve()"
_Worker = subprocess.Popen[bytes]
SHORT = 8  # images of a run that no journal remembers; photographs take a while each


class Run(NamedTuple):
    """Images that one process decodes at a time.

    Attributes:
        first: the row of the first.
        made_from: where there is a journal, a digest of what they are read from.
        known: what became of them, if they were decoded before.
    """

    first: int
    entries: Sequence[Entry]
    made_from: str = ""
    known: Decoded | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of the images.

    Attributes:
        kept: whether each could be read, (N,) bool.
        skipped: the others, and why.
    """

    kept: np.ndarray
    skipped: tuple[tuple[str, str], ...]
    tally: PictureTally


def decode_all(
    images: ImageList,
    plan: Plan,
    processes: int | None = None,
    journal: Journal | None = None,
) -> Outcome:
    """Decode all images into their rows, under a progress bar.

    Args:
        processes: how many; None for one for each processor, or one where few images
            are worth no start.
        journal: of the images whose rows are there already, which gets the others.

    Raises:
        UserError: a process was ended, as the system does for lack of memory.
        OSError: the disk is full.
    """
    if processes is None:
        processes = 1 if len(images) <= FEW else len(os.sched_getaffinity(0))
    kept = np.ones(len(images), dtype=bool)
    skipped: list[tuple[str, str]] = []
    tally = plan.tally()
    runs = _runs(images, plan, journal)
    with tqdm(total=len(images), desc="reading images", unit="image") as bar:
        done = _here(plan, runs) if processes == 1 else _shared(plan, runs, processes)
        for run, found in done:
            if journal is not None and run.known is None:
                journal.add(run.first, len(run.entries), run.made_from, found)
            tally.merge(found.tally)
            for number, reason in found.skipped:
                kept[run.first + number] = False
                skipped.append((run.entries[number].name, reason))
            bar.update(len(run.entries))
            stopping.check()  # a decoder may have swallowed the request
    return Outcome(kept, tuple(skipped), tally)


def _runs(images: Iterable[Entry], plan: Plan, journal: Journal | None) -> Iterator[Run]:
    source, first = iter(images), 0
    # Without a journal nothing asks for long runs, and the bar moves the more often.
    size = min(RUN, SHORT) if journal is None else RUN
    while entries := list(islice(source, size)):
        run = Run(first, entries)
        yield run if journal is None else _looked_up(run, plan, journal)
        first += len(entries)


def _looked_up(run: Run, plan: Plan, journal: Journal) -> Run:
    """A run with what the journal knows of it."""
    # Before it is decoded: what changes meanwhile is decoded again the next time.
    made_from = digest_of_entries(plan.place, run.entries)
    known = journal.find(run.first, len(run.entries), made_from)
    if known is not None and not is_still_unreadable(plan, run.entries, known):
        known = None
    return run._replace(made_from=made_from, known=known)


def _here(plan: Plan, runs: Iterable[Run]) -> Iterator[tuple[Run, Decoded]]:
    for run in runs:
        yield run, run.known or decode_run(plan, run.first, run.entries)


def _shared(
    plan: Plan, runs: Iterable[Run], processes: int
) -> Iterator[tuple[Run, Decoded]]:
    """The runs in their order, each decoded by the process whose turn it is."""
    with _started(plan, processes) as workers:
        waiting: deque[tuple[Run, _Worker | None]] = deque()
        free = deque(workers)
        for run in runs:
            # Runs that are known would wait in any number behind one that is not.
            while not free or len(waiting) > 2 * processes:
                yield _first_done(waiting, free)
            worker = free.popleft() if run.known is None else None
            if worker is not None:
                _ask(worker, asked(run.first, run.entries))
            waiting.append((run, worker))
        while waiting:
            yield _first_done(waiting, free)


def _first_done(
    waiting: deque[tuple[Run, _Worker | None]], free: deque[_Worker]
) -> tuple[Run, Decoded]:
    """What became of the run that waits longest; its process is free then."""
    run, worker = waiting.popleft()
    if worker is None:
        assert run.known is not None
        return run, run.known
    found = _answer(worker)
    free.append(worker)
    return run, found


@contextlib.contextmanager
def _started(plan: Plan, processes: int) -> Iterator[list[_Worker]]:
    """Processes that decode; they end with the block, and when this process does."""
    package = str(Path(__file__).parents[3])
    known = [package, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, known))}
    descriptors = [d for d in (plan.rows, plan.archive) if d >= 0]
    workers = [
        stopping.start(
            # -P: not a module of the folder that happens to be the current one.
            [sys.executable, "-P", "-c", _SERVE],
            environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=descriptors,
        )
        for _ in range(processes)
    ]
    with stopping.ending(workers):
        for worker in workers:
            _ask(worker, json.dumps(plan.to_dict()).encode() + b"\n")
        yield workers
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()


def _ask(worker: _Worker, line: bytes) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(line)
        worker.stdin.flush()
    except BrokenPipeError as error:
        raise _ended(worker) from error


def _answer(worker: _Worker) -> Decoded:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line.endswith(b"\n"):
        raise _ended(worker)
    return answered(line)


def _ended(worker: _Worker) -> UserError:
    code = worker.wait()
    hint = ", as the system does for lack of memory" if code == -9 else ""
    return UserError(
        f"a process that decodes images was ended (status {code}){hint}: what it said"
        " stands above; give smaller images, or data.max_pixels"
    )
