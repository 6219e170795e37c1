"""Logging that never ends a stage."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from snowmelt.tracking.store_errors import why


class _Speaker(Protocol):
    def say(self, message: str) -> None: ...


Given = ParamSpec("Given")
Of = TypeVar("Of", bound=_Speaker)


def harmless(
    log: Callable[Concatenate[Of, Given], None],
) -> Callable[Concatenate[Of, Given], None]:
    """A method that logs, and says what it could not log instead of ending the stage."""

    @functools.wraps(log)
    def attempted(run: Of, *args: Given.args, **named: Given.kwargs) -> None:
        try:
            log(run, *args, **named)
        except Exception as error:  # a full disk, or a defect here
            run.say(f"{log.__name__} logged nothing: {type(error).__name__}: {why(error)}")

    return attempted
