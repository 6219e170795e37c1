"""What a call of the store may end in, other than its answer."""

from __future__ import annotations

from snowmelt.tracking.address import redacted


class StoreUnreachable(Exception):
    """The store cannot take it now: keep the operation and try later."""


class RunNotCreated(StoreUnreachable):
    """The operation names another run, which has to be created before it."""


class RunDeleted(Exception):
    """The store no longer has this run."""


class StoreRejection(Exception):
    """The store will never take it."""


def why(error: Exception) -> str:
    """One line about an error, without passwords."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return redacted(lines[0])[:160]
