"""Which samples are still to be drawn, which process draws which, and in what parts.

Spans are pairs of the first index and the one behind the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]


def missing(known: Iterable[Span], count: int) -> list[Span]:
    """The spans of 0 .. count - 1 that no known one covers, in order."""
    found, reached = [], 0
    for first, end in sorted(known):
        if first > reached:
            found.append((reached, first))
        reached = max(reached, end)
    if reached < count:
        found.append((reached, count))
    return found


def total(spans: Iterable[Span]) -> int:
    """How many indices lie in some spans."""
    return sum(end - first for first, end in spans)


def share(spans: Sequence[Span], rank: int, world_size: int) -> list[Span]:
    """The part of one process: no two differ by more than one index, whatever the batch."""
    count, passed = total(spans), 0
    low, high = (place * count // world_size for place in (rank, rank + 1))
    found = []
    for first, end in spans:
        begin = first + max(low - passed, 0)
        stop = first + min(high - passed, end - first)
        if begin < stop:
            found.append((begin, stop))
        passed += end - first
    return found


def batches(spans: Iterable[Span], size: int) -> Iterator[Span]:
    """The spans in parts of at most `size`."""
    for first, end in spans:
        for begin in range(first, end, size):
            yield begin, min(begin + size, end)
