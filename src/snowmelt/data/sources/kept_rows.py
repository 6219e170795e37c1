"""Decoded images that outlive a prepare that was stopped, for the next one to go on from.

They lie in a folder of the project until a prepare has finished: a file of rows and a
journal of what is in it, named by all that decides a row but the bytes of the images. One
prepare at a time works with them. The processes that decode inherit a lock on the rows, so
none that outlives a killed prepare by a moment writes into those of the next.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common import kept_places, stopping
from snowmelt.common.code_identity import code_digest
from snowmelt.common.errors import UserError
from snowmelt.common.records import content_digest
from snowmelt.data.sources.decoding_journal import Journal
from snowmelt.data.sources.rows_file import RowsFile

CODE = ("common", "data")  # the parts of the package that decide a row
_ROWS, _JOURNAL, _WORK = "rows", "journal.jsonl", "snowmelt prepare"
_DECODERS = ("jpg", "libjpeg_turbo", "jpg_2000", "libtiff", "webp", "avif")


class KeptRows:
    """What a prepare keeps of its decoding; see `keeping`.

    Args:
        folder: for what is kept of all data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held = contextlib.ExitStack()
        self._place: Path | None = None
        self._journal: Journal | None = None
        self._count = 0

    def opened(
        self,
        decisive: Mapping[str, Any],
        count: int,
        shape: tuple[int, ...],
        scratch: Path | None,
    ) -> tuple[RowsFile, Journal | None]:
        """Room for decoded images, and the journal of those that are there already.

        Where nothing can be kept it is a file without a name, and no journal. A line says
        so, or how many images are there.

        Args:
            decisive: what decides a row, beside the code and the decoders.
            scratch: see `snowmelt.data.sources.source.Source`.

        Raises:
            OSError: there is no room for the rows.
        """
        place = self.folder / identity(decisive)
        try:
            with contextlib.ExitStack() as held:
                rows, journal = _opened(place, count, shape, held)
                self._held = held.pop_all()
        except (UserError, OSError) as error:
            rows = RowsFile(count, shape, scratch)
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            said = f"prepare: if it is stopped, the next one begins anew: {reason}"
            print(said, file=sys.stderr, flush=True)
            return rows, None
        self._place, self._journal, self._count = place, journal, count
        kept_places.remove_others(self.folder, place, _WORK, kept_places.OTHERS)
        if known := min(journal.images, count):
            print(
                f"prepare: going on: {known:,} of {count:,} images were read before; what"
                " changed since is read again",
                flush=True,
            )
        return rows, journal

    def finished(self) -> None:
        """Remove what was kept, of other data too, once the prepared data are in place."""
        if self._place is not None:
            kept_places.remove(self._place)
            kept_places.remove_others(self.folder, self._place, _WORK, 0)
            self._journal = None

    def reached(self) -> str:
        """How many images are kept; "" for none."""
        known = 0 if self._journal is None else min(self._journal.images, self._count)
        return f"{known:,} of {self._count:,} images" if known else ""

    def close(self) -> None:
        """Leave what is kept to the next."""
        self._held.close()
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # if nothing is


@contextlib.contextmanager
def keeping(folder: Path) -> Iterator[KeptRows]:
    """Keep decoded images in a folder until they are `finished`; say so at any other end.

    Raises:
        Stopped: with how many images are kept.
    """
    kept = KeptRows(folder)
    try:
        yield kept
    except stopping.Stopped as stop:
        reached = kept.reached()
        said = f"after {reached}, which are kept" if reached else str(stop)
        raise stopping.Stopped(said) from None
    except Exception:
        if reached := kept.reached():
            said = f"prepare: {reached} are read and kept: the next one goes on from there"
            print(said, file=sys.stderr, flush=True)
        raise
    finally:
        kept.close()


def identity(decisive: Mapping[str, Any]) -> str:
    """A digest of all that decides a row, which names its folder.

    Args:
        decisive: beside the code and the decoders.
    """
    import PIL
    from PIL import features

    decoders = {name: features.version(name) for name in _DECODERS}
    parts = {
        "choices": decisive,
        "code": code_digest(CODE),
        "versions": [np.__version__, PIL.__version__, decoders],
    }
    return content_digest(parts)[:16]


def _opened(
    place: Path, count: int, shape: tuple[int, ...], held: contextlib.ExitStack
) -> tuple[RowsFile, Journal]:
    """The rows and the journal of a folder, which is locked until `held` is closed.

    Raises:
        UserError: another process works there.
        OSError: it cannot be written, has no locks, or no room.
    """
    held.enter_context(kept_places.only_one_at(place, _WORK))
    is_new = not place.exists()
    place.mkdir(exist_ok=True)
    try:
        file = held.enter_context(kept_places.locked_file(place / _ROWS, "prepare"))
        rows = RowsFile(count, shape, None, file)
        journal = Journal(place / _JOURNAL, rows)
    except OSError:
        if is_new:
            kept_places.remove(place)
        raise
    held.callback(journal.close)
    return rows, journal
