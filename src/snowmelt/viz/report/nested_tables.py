"""Nested values as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snowmelt.evaluation.number_format import number

Rows = list[tuple[str, str]]
MOST_ITEMS = 40  # of one list; a thousand classes would bury the page
# No result of a run follows from them. Data that is drawn from the density holds it as a
# part; what `mcmc` and `gallery` say is for the commands of these names alone.
ASIDE = ("paths", "tracking", "density", "mcmc", "gallery")


def rows(tree: Mapping[str, Any], prefix: str = "") -> Rows:
    """A tree of settings as (dotted key, value) in the tree's own order."""
    found: Rows = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found += rows(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", text(value)))
    return found


def text(value: Any) -> str:
    """One value, spelt as in a configuration where it could have come from there."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if abs(value) < 1e4 and len(repr(value)) <= 8 else number(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        shown = ", ".join(text(item) for item in value[:MOST_ITEMS])
        more = len(value) - MOST_ITEMS
        return f"{shown} and {more:,} more" if more > 0 else shown or "[]"
    return str(value)


def settings(config: Mapping[str, Any]) -> list[tuple[str, Rows]]:
    """The configuration by section; what changes no result is left out."""
    sections = []
    loose: Rows = []
    for key, value in config.items():
        if key in ASIDE:
            continue
        if isinstance(value, Mapping):
            sections.append((str(key), rows(value)))
        else:
            loose.append((str(key), text(value)))
    return [("general", loose), *sections] if loose else sections
