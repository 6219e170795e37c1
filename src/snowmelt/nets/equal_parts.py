"""Features in equal parts: the heads of attention, the groups of a normalisation."""

from __future__ import annotations


def equal_parts(width: int, size: int) -> int:
    """The most equal parts of `width` features that have `size` of them each, or more.

    Of fewer features than `size` there is one part.
    """
    parts = max(width // size, 1)
    while width % parts:
        parts -= 1
    return parts
