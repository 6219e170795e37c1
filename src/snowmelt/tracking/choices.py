"""The parts of a configuration under the names that people type: `schedule=cosine`.

A part is named after the file of conf/<group>/ that says the same. One that was changed has
the name of the file of its class that is nearest; what was changed is among the other
parameters. Without such a file the class gives the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.yaml_files import read_yaml

Part = Mapping[str, Any]
TARGET = "_target_"
# Parts that the configuration has inside another, each under the group of its files.
_INNER = {"sampler": ("grid", "threshold")}


def choices(config: Mapping[str, Any], root: Path) -> dict[str, str]:
    """The name of each part.

    Args:
        config: the whole configuration, as plain values.
        root: of the project, whose conf/ holds the files.
    """
    return {group: _name(part, root / "conf" / group) for group, part in _parts(config)}


def label(part: Any) -> str:
    """A part in one word of its own: its name, else its class."""
    if not isinstance(part, Mapping):
        return str(part or "")
    word = part.get("name") or str(part.get(TARGET, "")).rpartition(".")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(word)).lower()


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, Part]]:
    for group, part in config.items():
        if not (isinstance(part, Mapping) and TARGET in part):
            continue
        yield group, part
        for inner in _INNER.get(group, ()):
            if isinstance(part.get(inner), Mapping) and TARGET in part[inner]:
                yield inner, part[inner]


def _name(part: Part, folder: Path) -> str:
    differences = {}
    for file in sorted(folder.glob("*.yaml")):
        said = _said(file, str(part[TARGET]))
        if said.get(TARGET) == part[TARGET]:
            differences[file.stem] = _differences(said, part)
    return min(differences, key=differences.__getitem__, default=label(part))


def _said(file: Path, target: str) -> Part:
    """What a file says; nothing if it is of another class, or cannot be read."""
    try:
        if target not in file.read_text(encoding="utf-8"):
            return {}
        said = read_yaml(file)
    except (OSError, ValueError, UserError):
        return {}
    return said if isinstance(said, Mapping) else {}


def _differences(said: Part, part: Part) -> int:
    """How many values differ; what a file leaves to another key counts as said."""
    return sum(
        said.get(key) != value and "${" not in str(said.get(key))
        for key, value in part.items()
    )
