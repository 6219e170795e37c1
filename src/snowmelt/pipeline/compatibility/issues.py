"""What is said about a combination of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snowmelt.common.errors import UserError


@dataclass(frozen=True)
class Finding:
    """One thing to know about parts that meet.

    Attributes:
        keys: the keys of the configuration that it is about.
        text: what is wrong, why, and what to do.
        is_refused: whether nothing sensible can come of it; else it is only doubtful.
    """

    keys: tuple[str, ...]
    text: str
    is_refused: bool = False

    def __str__(self) -> str:
        return f"{', '.join(self.keys)}: {self.text}" if self.keys else self.text


def refuse(findings: Sequence[Finding]) -> None:
    """Stop at what is refused; doubts pass.

    Raises:
        UserError: something is refused; one line names all of it.
    """
    refused = [str(finding) for finding in findings if finding.is_refused]
    if refused:
        raise UserError("; and ".join(refused))
