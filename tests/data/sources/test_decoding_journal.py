"""A damaged journal, or damaged rows, cost decoding, and no row is wrong."""

from __future__ import annotations

import errno
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.data.sources.stopped_prepare import (
    files,
    folder,
    interrupt,
    place,
    prepared,
    told,
)

from snowmelt.common.errors import StorageError
from snowmelt.data.sources.decoding_journal import Journal
from snowmelt.data.sources.kept_rows import keeping
from snowmelt.data.sources.rows_file import RowsFile

pytestmark = pytest.mark.usefixtures("few_are_many")


def flip(path: Path, at: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= bit
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "a torn line": lambda rows, lines: os.truncate(lines, lines.stat().st_size - 9),
    "nothing but a line": lambda rows, lines: lines.write_bytes(b"[" * 99_999 + b"\n{}\n3"),
    "no journal": lambda rows, lines: lines.unlink(),
    "no text": lambda rows, lines: lines.write_bytes(bytes(range(256))),
    "no rows": lambda rows, lines: rows.unlink(),
    "rows of zeros": lambda rows, lines: rows.write_bytes(bytes(rows.stat().st_size)),
    "rows cut short": lambda rows, lines: os.truncate(rows, 70),
    "too many rows": lambda rows, lines: rows.write_bytes(rows.read_bytes() * 2),
    "a flipped bit of a row": lambda rows, lines: flip(rows, 200),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_costs_decoding_and_no_row_is_wrong(
    damage: str, raw: Path, decoded: list[str]
) -> None:
    whole = told(folder(raw).read())
    interrupt(raw, 4)
    DAMAGES[damage](*files(raw))
    decoded.clear()
    assert prepared(raw) == whole
    if damage != "too many rows":
        assert len(decoded) > 1 + 7, "it was not noticed"


def test_every_flipped_bit_of_the_journal(raw: Path) -> None:
    interrupt(raw, 4)
    _, journal = files(raw)
    content = journal.read_bytes()
    content = content[: content.index(b"\n{", 2)]
    room = RowsFile(0, (3, 4, 4), None)
    journal.write_bytes(content)
    (intact,) = Journal(journal, room)._known.items()
    random_ = random.Random(0)
    for at in random_.sample(range(1, len(content) - 1), 200):
        journal.write_bytes(content)
        flip(journal, at, 1 << random_.randrange(7))
        assert set(Journal(journal, room)._known) <= {0}
        for item in Journal(journal, room)._known.items():
            assert item == intact, "a changed line was believed"


def test_after_a_torn_line_the_next_is_whole(raw: Path, decoded: list[str]) -> None:
    interrupt(raw, 2)
    _, journal = files(raw)
    os.truncate(journal, journal.stat().st_size - 20)
    interrupt(raw, 2)
    decoded.clear()
    prepared(raw)
    assert decoded == ["09.png", *sorted(os.listdir(raw))[12:]]


def test_a_full_disk_is_one_line(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    opened = Journal.__init__

    def on_a_full_disk(self: Any, *given: Any) -> None:
        opened(self, *given)
        self._file = Full()

    with monkeypatch.context() as patch, keeping(place(raw)) as kept:
        patch.setattr(Journal, "__init__", on_a_full_disk)
        source = folder(raw, kept)
        with pytest.raises(StorageError, match=r"journal\.jsonl cannot be written: No sp"):
            source.read()
    prepared(raw)
