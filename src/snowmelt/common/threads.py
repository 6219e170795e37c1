"""How many threads compute: for numbers that must come out the same to the last bit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Compute in one thread, whatever the machine and its environment offer.

    Sums are split between threads, so their number changes the order of additions.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
