"""Waiting for the store: never without an end, and never without a word."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from snowmelt.tracking.store_errors import StoreUnreachable

Answer = TypeVar("Answer")
SILENT_SECONDS = 2.0  # waits that are shorter need no word


def print_message(message: str) -> None:
    """Print one line to stderr, where progress bars do not overwrite it."""
    print(f"snowmelt: {message}", file=sys.stderr, flush=True)


def bounded(call: Callable[[], Answer], seconds: float, store: str) -> Answer:
    """What `call` returns; it is waited for, and said to be waited for, at most so long.

    A client's own limits hold for one connection or one read, and some have none, so the
    call is made in a thread that is left to itself when its time is up.

    Args:
        store: the address that the line on the terminal names.

    Raises:
        StoreUnreachable: the time is up.
    """
    ended: list[tuple[Answer | None, BaseException | None]] = []

    def ask() -> None:
        try:
            ended.append((call(), None))
        except BaseException as error:  # raised again by who waits
            ended.append((None, error))

    thread = threading.Thread(target=ask, name="tracking question", daemon=True)
    thread.start()
    thread.join(min(SILENT_SECONDS, seconds))
    if thread.is_alive() and seconds > SILENT_SECONDS:
        print_message(f"waiting for the tracking store {store} (at most {seconds:.0f} s)")
        thread.join(seconds - SILENT_SECONDS)
    if not ended:
        raise StoreUnreachable(f"no answer within {seconds:g} s")
    answer, error = ended[0]
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
