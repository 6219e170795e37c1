"""Names of files on one line."""

from __future__ import annotations


def printable(text: str) -> str:
    """A name on one line: bytes that are no UTF-8, line ends and the like are escaped."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
