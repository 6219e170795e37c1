"""Errors and warnings about a combination of parts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from snowmelt.common import distributed
from snowmelt.common.errors import UserError

SAID = "SNOWMELT_SAID"
"""Hands to processes that this one starts what it has said already."""


@dataclass(frozen=True)
class CompatibilityIssue:
    """An error or a warning about parts that do not go together.

    Attributes:
        keys: the keys of the configuration that it is about.
        text: what is wrong, why, and what to do.
        is_error: whether the combination is refused; otherwise it is a warning.
    """

    keys: tuple[str, ...]
    text: str
    is_error: bool = False

    def __str__(self) -> str:
        return f"{', '.join(self.keys)}: {self.text}" if self.keys else self.text


def refused(keys: tuple[str, ...], text: str) -> CompatibilityIssue:
    """The issue of a combination that is refused."""
    return CompatibilityIssue(keys, text, is_error=True)


def raise_errors(issues: Sequence[CompatibilityIssue]) -> None:
    """Raise the errors among the issues; warnings pass.

    Raises:
        UserError: there is an error; one line names all of them.
    """
    errors = [str(issue) for issue in issues if issue.is_error]
    if errors:
        raise UserError("; and ".join(errors))


def settle(issues: Sequence[CompatibilityIssue], label: str = "") -> None:
    """Raise the errors; without any, print each warning that was not printed before.

    A command looks at the same parts several times: when it composes, before it trains and
    before it samples, and so do the processes that it starts.

    Args:
        label: of the job that the issues are about, if there are several.

    Raises:
        UserError: see `raise_errors`.
    """
    raise_errors(issues)
    for issue in issues:
        if str(issue) not in _said:
            _said.add(str(issue))
            if distributed.is_main_process():
                where = f"{label}: " if label else ""
                print(f"snowmelt: warning: {where}{issue}", file=sys.stderr)


def forget() -> None:
    """Begin a new command, which has said nothing yet but for what it inherits."""
    _said.clear()
    _said.update(json.loads(os.environ.get(SAID, "[]")))


def said_before() -> dict[str, str]:
    """What a process has to find in its environment to say nothing twice."""
    return {SAID: json.dumps(sorted(_said))}


_said: set[str] = set()
forget()
