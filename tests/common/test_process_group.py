"""Work that is dealt out comes back as if one process had done it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.groups import in_group

from snowmelt.common import process_group
from snowmelt.common.process_group import Group, at_work

PARTS = 7


def term(number: int) -> np.ndarray:
    """Numbers whose sum depends on the order in which they are added."""
    return np.random.default_rng(number).normal(size=(3, 2)) * 10.0 ** (3 * (number % 3))


def shared_work() -> dict[str, Any]:
    with Group() as group:
        before = at_work().world_size
        with group.sharing():
            inside = at_work()
            with process_group.alone():
                apart = at_work().world_size
        rows = np.full((10, 2), -1.0)
        for part, start in enumerate(range(0, 10, 3)):
            if group.owns(part):
                rows[start : start + 3] = part
        group.complete(rows, 3)
        own = {part: f"part {part}" for part in range(PARTS) if group.owns(part)}
        found = {
            "sizes": (before, inside.world_size, apart),
            "mine": sorted(own),
            "joined": group.joined(own),
            "rows": rows,
            "by": [group.by(part, lambda: group.rank) for part in range(4)],
            "sum": group.sum_of(PARTS, term),
            "first": group.from_first(group.rank),
        }
    return found | {"after": (group.rank, group.world_size)}


def made_slowly(target: Path) -> bool:
    """Whether a folder that takes its time is there once the block that makes it ends."""
    right = process_group.new_directory

    @contextlib.contextmanager
    def slow(target: Path, marker: str) -> Iterator[Path]:
        with right(target, marker) as draft:
            yield draft
            time.sleep(0.5)

    with pytest.MonkeyPatch.context() as patch, Group() as group:
        patch.setattr(process_group, "new_directory", slow)
        with group.directory(target, "marker") as draft:
            if group.rank == 0:
                (draft / "marker").touch()
        return (target / "marker").is_file()


def test_one_process_does_all() -> None:
    found = shared_work()
    assert found["sizes"] == (1, 1, 1)
    assert found["mine"] == list(range(PARTS))
    assert found["by"] == [0, 0, 0, 0]


@pytest.mark.parametrize("count", [2, 3])
def test_many_processes_share_it(count: int) -> None:
    alone, many = shared_work(), in_group(count, shared_work)
    assert sorted(part for one in many for part in one["mine"]) == list(range(PARTS))
    for rank, one in enumerate(many):
        assert one["sizes"] == (1, count, 1)
        assert one["mine"] == list(range(rank, PARTS, count))
        assert one["by"] == [part % count for part in range(4)]
        assert one["joined"] == alone["joined"]
        assert one["first"] == 0
        assert one["after"] == (0, 1)
        np.testing.assert_array_equal(one["rows"], alone["rows"])
        np.testing.assert_array_equal(one["sum"], alone["sum"])


def test_a_folder_is_in_place_for_all(tmp_path: Path) -> None:
    assert in_group(2, made_slowly, tmp_path / "made") == [True, True]
