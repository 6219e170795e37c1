"""Names in order, on the disk where they are many."""

from __future__ import annotations

import os

import pytest

from snowmelt.data.sources import image_list
from snowmelt.data.sources.image_list import Entry, ImageList


@pytest.mark.parametrize("run", [2, 3, 100])
def test_sorted_however_many_fit_into_memory(
    run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_list, "_RUN", run)
    monkeypatch.setattr(image_list, "_BLOCK", 7)
    odd = os.fsdecode(b"\xff\n.png")
    names = ["b/2.png", "a/9.png", odd, "a/z/1.png", "b/10.png", "ä.png", "a b.png"]
    entries = [Entry(name, (number, 2**40)) for number, name in enumerate(names)]
    found = ImageList(iter(entries))
    assert len(found) == len(names)
    assert list(found) == sorted(entries)
    assert list(found) == list(found)


def test_two_may_look_through_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_list, "_RUN", 2)
    found = ImageList(Entry(f"{number}.png") for number in range(9))
    pairs = list(zip(found, found, strict=True))
    assert [left for left, _ in pairs] == [right for _, right in pairs]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_counts_that_end_with_a_run(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_list, "_RUN", 2)
    found = ImageList(Entry(f"{number}.png") for number in range(count))
    assert [entry.name for entry in found] == [f"{number}.png" for number in range(count)]
