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

import numpy as np
from tqdm import tqdm

from snowmelt.common import stopping
from snowmelt.common.errors import UserError
from snowmelt.data.sources.decoding import Decoded, Plan, answered, asked, decode_run
from snowmelt.data.sources.image_list import Entry, ImageList
from snowmelt.data.sources.picture_tally import PictureTally

RUN = 256  # images that a process decodes at a time
FEW = 4096  # images that are decoded sooner than another process starts
_SERVE = "from snowmelt.data.sources.decoding import serve; serve()"
Run = tuple[int, Sequence[Entry]]


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


def decode_all(images: ImageList, plan: Plan, processes: int | None = None) -> Outcome:
    """Decode all images into their rows, under a progress bar.

    Args:
        processes: how many; None for one for each processor, or one where few images
            are worth no start.

    Raises:
        UserError: a process was ended, as the system does for lack of memory.
        OSError: the disk is full.
    """
    if processes is None:
        processes = 1 if len(images) <= FEW else len(os.sched_getaffinity(0))
    kept = np.ones(len(images), dtype=bool)
    skipped: list[tuple[str, str]] = []
    tally = plan.tally()
    with tqdm(total=len(images), desc="reading images", unit="image") as bar:
        done = _here(plan, images) if processes == 1 else _shared(plan, images, processes)
        for (first, entries), found in done:
            tally.merge(found.tally)
            for number, reason in found.skipped:
                kept[first + number] = False
                skipped.append((entries[number].name, reason))
            bar.update(len(entries))
    return Outcome(kept, tuple(skipped), tally)


def _runs(images: Iterable[Entry]) -> Iterator[Run]:
    source, first = iter(images), 0
    while run := list(islice(source, RUN)):
        yield first, run
        first += len(run)


def _here(plan: Plan, images: ImageList) -> Iterator[tuple[Run, Decoded]]:
    for run in _runs(images):
        yield run, decode_run(plan, *run)


def _shared(plan: Plan, images: ImageList, processes: int) -> Iterator[tuple[Run, Decoded]]:
    """The runs in their order, each decoded by the process whose turn it is."""
    with _started(plan, processes) as workers:
        waiting: deque[tuple[Run, subprocess.Popen[bytes]]] = deque()
        free = deque(workers)
        for run in _runs(images):
            if not free:
                done, worker = waiting.popleft()
                yield done, _answer(worker)
                free.append(worker)
            worker = free.popleft()
            _ask(worker, asked(*run))
            waiting.append((run, worker))
        for done, worker in waiting:
            yield done, _answer(worker)


@contextlib.contextmanager
def _started(plan: Plan, processes: int) -> Iterator[list[subprocess.Popen[bytes]]]:
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


def _ask(worker: subprocess.Popen[bytes], line: bytes) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(line)
        worker.stdin.flush()
    except BrokenPipeError as error:
        raise _ended(worker) from error


def _answer(worker: subprocess.Popen[bytes]) -> Decoded:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line.endswith(b"\n"):
        raise _ended(worker)
    return answered(line)


def _ended(worker: subprocess.Popen[bytes]) -> UserError:
    code = worker.wait()
    hint = ", as the system does for lack of memory" if code == -9 else ""
    return UserError(
        f"a process that decodes images was ended (status {code}){hint}: what it said"
        " stands above; give smaller images, or data.max_pixels"
    )
