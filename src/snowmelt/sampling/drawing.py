"""One process's share of a task, drawn a batch at a time and written as it is drawn."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from snowmelt.common.process_group import Group
from snowmelt.common.rank_reports import Reporter
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.samplers.sampler import Watcher, WholePath
from snowmelt.sampling.storage import shares
from snowmelt.sampling.storage.draw_journal import DrawJournal, Progress
from snowmelt.sampling.storage.drawn_rows import DrawnRows
from snowmelt.sampling.storage.kept_samples import ARRAY, Task, writing
from snowmelt.sampling.storage.shares import Span

_POLL = 0.2  # seconds
_MARK = "drawing samples"


def draw(generator: Generator, task: Task, group: Group, size: int) -> None:
    """Draw this process's share of what is missing; the first one shows how far all are.

    Args:
        size: of a batch, at most.

    Raises:
        StorageError: the disk is full.
    """
    mine = shares.share(task.missing, group.rank, group.world_size)
    size = min(size, max(shares.total(mine), 1))
    reporter = Reporter()

    def note_kept() -> None:
        if task.is_kept:
            reporter.keep("the samples that are drawn")

    if shares.total(task.missing) < task.count:
        note_kept()
    watch = _watch(generator, reporter)
    with _shown(generator, task, group) as show:
        group.wait()  # until the first has seen what was there before
        with _writer(generator, task, group.rank) as write:
            for span in shares.batches(mine, size):
                drawn = generator.draw(_index(generator, span, size), watch)
                write(span, drawn[: span[1] - span[0]])
                note_kept()
                reporter.mark(_MARK, every=1.0)
                show()
        reporter.mark("its samples are drawn")
        while show() < shares.total(task.missing):
            time.sleep(_POLL)


def _watch(generator: Generator, reporter: Reporter) -> Watcher | None:
    """Tells who watches over a group that this process moves on."""
    if isinstance(generator.request.sampler, WholePath):
        return None  # it would keep every state to show it

    def watch(*_: object) -> None:
        reporter.mark(_MARK, every=1.0)

    return watch


@contextlib.contextmanager
def _shown(generator: Generator, task: Task, group: Group) -> Iterator[Callable[[], int]]:
    """Shows how many samples all processes have drawn, and gives their number."""
    whole = shares.total(task.missing)
    if group.rank > 0:
        yield lambda: whole
        return
    progress, known = Progress(task.place, group.world_size), task.count - whole
    unit = generator.manifest.kind.removesuffix("s")
    with tqdm(total=task.count, initial=known, desc="sample", unit=unit) as bar:

        def show() -> int:
            done = progress.count()
            bar.update(known + done - bar.n)
            return done

        yield show


@contextlib.contextmanager
def _writer(
    generator: Generator, task: Task, rank: int
) -> Iterator[Callable[[Span, NDArray], None]]:
    """Writes samples, and remembers that they are written."""
    shape = (task.count, *generator.manifest.shape)
    dtype = generator.manifest.dtype
    journal = DrawJournal(task.place, rank)
    with (
        contextlib.closing(journal),
        writing(task.place),
        DrawnRows(task.place / ARRAY, dtype, shape) as rows,
    ):

        def write(span: Span, samples: NDArray) -> None:
            journal.add(span, rows.write(span[0], samples))

        yield write


def _index(generator: Generator, span: Span, size: int) -> Tensor:
    """The samples of a batch; for a compiled network as many as in every other batch."""
    end = span[1] if generator.compiled is None else span[0] + size
    return torch.arange(span[0], end, device=generator.device)
