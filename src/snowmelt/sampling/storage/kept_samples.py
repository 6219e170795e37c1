"""Samples that outlive a command that was stopped, for the next one to go on from.

They lie in a folder of the project until they are in place: the array and the journals of
what is in it, named by all that decides a sample. One command at a time works with them,
and its processes hold a lock, so that none that outlives a killed command by a moment
writes into the array of the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import DTypeLike

from snowmelt.common import kept_places, stopping
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file
from snowmelt.sampling.storage import shares
from snowmelt.sampling.storage.draw_journal import Progress, intact
from snowmelt.sampling.storage.drawn_rows import DrawnRows
from snowmelt.sampling.storage.sample_places import WORK, name_of
from snowmelt.sampling.storage.shares import Span

ARRAY = "samples.npy"
_WRITERS = "writers"


@dataclass(frozen=True)
class Task:
    """What a group of processes has to draw.

    Attributes:
        place: the folder of the array and the journals.
        missing: the samples that are not there yet.
        count: of all samples.
        is_kept: whether the next command goes on from what is drawn.
    """

    place: Path
    missing: list[Span]
    count: int
    is_kept: bool = False


class KeptSamples:
    """What the first process of a group keeps of its samples; see `keeping`.

    Args:
        folder: for what is kept of all requests; None to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held = contextlib.ExitStack()
        self._place: Path | None = None
        self._known, self._count = 0, 0
        self._progress: Progress | None = None

    def opened(
        self,
        request: Mapping[str, Any],
        dtype: DTypeLike,
        shape: tuple[int, ...],
        otherwise: Path,
        world_size: int,
    ) -> Task:
        """Room for all samples; a line says how many are there already.

        Args:
            request: what decides the samples, beside the code; its "identity" is a part of
                the folder's name.
            otherwise: a folder that is made where nothing can be kept, which is said.

        Raises:
            OSError: there is no room.
        """
        known, lost = self._kept(request, dtype, shape)
        place = self._place or otherwise
        if place == otherwise:
            otherwise.mkdir()
            with DrawnRows(otherwise / ARRAY, dtype, shape) as rows:
                rows.take_room()
        is_kept = place != otherwise
        task = Task(place, shares.missing(known, shape[0]), shape[0], is_kept)
        self._known, self._count = task.count - shares.total(task.missing), task.count
        self._progress = Progress(place, world_size)
        if self._known or lost:
            damaged = f"; {lost:,} are not as they were written, and are drawn again"
            print(
                f"sample: going on: {self._known:,} of {self._count:,} samples were drawn"
                f" before{damaged if lost else ''}",
                flush=True,
            )
        return task

    def _kept(
        self, request: Mapping[str, Any], dtype: DTypeLike, shape: tuple[int, ...]
    ) -> tuple[list[Span], int]:
        """Take a place where samples are kept, if that can be done; see `intact`."""
        if self._folder is None:
            return [], 0
        place = self._folder / name_of(request)
        try:
            found = self._taken(place, dtype, shape)
        except (UserError, OSError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            _warn(f"if it is stopped, the next one begins anew: {reason}")
            return [], 0
        self._place = place
        return found

    def _taken(
        self, place: Path, dtype: DTypeLike, shape: tuple[int, ...]
    ) -> tuple[list[Span], int]:
        """Take a place for this command; see `intact`."""
        with contextlib.ExitStack() as held:
            held.enter_context(kept_places.only_one_at(place, WORK))
            is_new = not place.exists()
            place.mkdir(exist_ok=True)
            try:
                found = _looked_through(place, dtype, shape, held)
            except OSError:
                if is_new:
                    kept_places.remove(place)
                raise
            self._held = held.pop_all()
        kept_places.remove_others(place.parent, place, WORK, kept_places.OTHERS)
        return found

    def reached(self) -> str:
        """How many samples are kept; "" for none."""
        if self._place is None or self._progress is None:
            return ""
        count = self._known + self._progress.count()
        return f"{count:,} of {self._count:,} samples" if count else ""

    def finished(self) -> None:
        """Remove what was kept, once the samples are in place.

        Under DVC the next stage does, see `forget`: what a stage made is deleted when it is
        killed before DVC has noted it.
        """
        if self._place is not None and "DVC_STAGE" not in os.environ:
            kept_places.remove(self._place)
        self._progress = None

    def close(self) -> None:
        """Leave what is kept to the next."""
        self._held.close()
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.rmdir()  # if nothing is


@contextlib.contextmanager
def keeping(folder: Path | None) -> Iterator[KeptSamples]:
    """Keep samples in a folder until they are `finished`; say so at any other end.

    Raises:
        Stopped: with how many samples are kept.
    """
    kept = KeptSamples(folder)
    try:
        yield kept
    except stopping.Stopped as stop:
        reached = kept.reached()
        said = f"after {reached}, which are kept" if reached else str(stop)
        raise stopping.Stopped(said) from None
    except Exception:
        if reached := kept.reached():
            _warn(f"{reached} are drawn and kept: the next one goes on from there")
        raise
    finally:
        kept.close()


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Let the next command wait until this process writes no more into a place."""
    with (place / _WRITERS).open("ab") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


def put(array: Path, target: Path) -> None:
    """Put an array in its place, without a copy where the file system can do that."""
    try:
        os.link(array, target)
    except OSError:
        # Not `copyfile`, which blames a full disk on the array.
        with array.open("rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)


def _looked_through(
    place: Path, dtype: DTypeLike, shape: tuple[int, ...], held: contextlib.ExitStack
) -> tuple[list[Span], int]:
    """Take the lock of a place until `held` is closed, make room, and see what is there."""
    writers = held.enter_context(kept_places.locked_file(place / _WRITERS, "sample"))
    array = place / ARRAY
    if array.exists() and array.stat().st_nlink > 1:
        # It was put in place before. Whatever is written now must not reach that file.
        with new_file(array) as draft:
            shutil.copyfile(array, draft)
    with DrawnRows(array, dtype, shape) as rows:
        rows.take_room()
        found = intact(place, rows)
    fcntl.flock(writers.fileno(), fcntl.LOCK_SH)  # with the other processes of this command
    return found


def _warn(said: str) -> None:
    print(f"sample: {said}", file=sys.stderr, flush=True)
