"""Errors and warnings about a combination of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snowmelt.common.errors import UserError


@dataclass(frozen=True)
class CompatibilityIssue:
    """An error or a warning about parts that do not go together.

    Attributes:
        keys: the keys of the configuration that it is about.
        text: what is wrong, why, and what to do.
        is_refused: whether the combination is refused; otherwise it is a warning.
    """

    keys: tuple[str, ...]
    text: str
    is_error: bool = False

    def __str__(self) -> str:
        return f"{', '.join(self.keys)}: {self.text}" if self.keys else self.text


def raise_errors(issues: Sequence[CompatibilityIssue]) -> None:
    """Raise the errors among the issues; warnings pass.

    Raises:
        UserError: there is an error; one line names all of them.
    """
    errors = [str(issue) for issue in issues if issue.is_error]
    if errors:
        raise UserError("; and ".join(errors))
