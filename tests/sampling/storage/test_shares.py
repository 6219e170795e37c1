"""Every sample is drawn once, by processes of equal shares."""

from __future__ import annotations

import random

import pytest

from snowmelt.sampling.storage.shares import Span, batches, missing, share, total


def inside(spans: list[Span]) -> list[int]:
    return [index for first, end in spans for index in range(first, end)]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_missing_is_divided_without_loss_or_double(seed: int) -> None:
    random_ = random.Random(seed)
    count, world, size = (random_.randint(1, n) for n in (200, 7, 30))
    known = [
        (first, min(first + random_.randint(1, 40), count))
        for first in random_.sample(range(count), random_.randint(0, min(5, count)))
    ]
    left = missing(known, count)
    assert sorted({*inside(known), *inside(left)}) == list(range(count))
    assert not {*inside(known)} & {*inside(left)}
    parts = [share(left, rank, world) for rank in range(world)]
    assert [index for part in parts for index in inside(part)] == inside(left)
    sizes = [total(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    drawn = [list(batches(part, size)) for part in parts]
    assert [inside(found) for found in drawn] == [inside(part) for part in parts]
    assert all(end - first <= size for found in drawn for first, end in found)


def test_one_process_draws_the_batches_that_it_always_did() -> None:
    whole = share(missing([], 1000), 0, 1)
    assert list(batches(whole, 300)) == [(0, 300), (300, 600), (600, 900), (900, 1000)]


def test_the_tail_is_shared_too() -> None:
    """Four batches for three processes: two would wait while one draws the fourth."""
    assert [total(share([(0, 1000)], rank, 3)) for rank in range(3)] == [333, 333, 334]


def test_fewer_samples_than_processes() -> None:
    assert [share([(0, 2)], rank, 4) for rank in range(4)] == [[], [(0, 1)], [], [(1, 2)]]
