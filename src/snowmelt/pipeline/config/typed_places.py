"""Paths on a command line: they count from the folder where they were typed."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snowmelt.common.places import counted_from_root, takes_place
from snowmelt.pipeline.config import composition, settings
from snowmelt.pipeline.config.overrides import SourcedOverride, key_of, quoted
from snowmelt.pipeline.config.read_places import declared_places

SOURCE = "command line"


def from_here(root: Path, overrides: Sequence[str], here: Path) -> list[str]:
    """The overrides of one job, with each path in them as the configuration keeps it.

    Args:
        root: the project's, from which paths in a configuration count.
        overrides: `key=value` in Hydra's grammar, with one value each.
        here: the folder where they were typed.

    Raises:
        UserError: an override does not parse, or chooses a part that is not there.
    """
    tree = _Tree(root, overrides)
    return [_from_here(SourcedOverride(o, SOURCE), tree, here) for o in overrides]


def folder_from_here(text: str, root: Path, here: Path) -> Path:
    """The place that `out=PLACE` names, for a command that has no key for it."""
    value = _value(SourcedOverride(text, SOURCE))
    return root / counted_from_root(str(value), here, root)


class _Tree:
    """What the overrides choose, composed once if a key asks for it."""

    def __init__(self, root: Path, overrides: Sequence[str]) -> None:
        self.root, self.overrides = root, overrides

    @functools.cached_property
    def composed(self) -> Any:
        return composition.chosen_parts(self.root, self.overrides)

    def is_place(self, key: str) -> bool:
        """Whether a key is declared to name a file or a folder."""
        section, _, name = key.rpartition(".")
        if section == "paths" or key in declared_places():
            return True
        if not section or key.partition(".")[0] in settings.defaults():
            return False
        node: Any = self.composed
        for part in section.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return isinstance(node, Mapping) and takes_place(str(node.get("_target_")), name)


def _from_here(choice: SourcedOverride, tree: _Tree, here: Path) -> str:
    override = choice.parse()
    if override.is_sweep_override() or override.is_delete():
        return choice.text
    key, value = key_of(choice), _value(choice)
    moved = _moved(key, value, tree, here)
    if moved == value:
        return choice.text
    return f"{choice.text.partition('=')[0]}={quoted(moved)}"


def _moved(key: str, value: Any, tree: _Tree, here: Path) -> Any:
    if isinstance(value, Mapping):
        return {k: _moved(f"{key}.{k}", v, tree, here) for k, v in value.items()}
    if not isinstance(value, str) or not tree.is_place(key):
        return value
    return counted_from_root(value, here, tree.root)


def _value(choice: SourcedOverride) -> Any:
    """The value; a number, or true, as it was typed, for it may name a folder."""
    value = choice.parse().value()
    is_misread = isinstance(value, bool | int | float)
    return choice.text.partition("=")[2] if is_misread else value
