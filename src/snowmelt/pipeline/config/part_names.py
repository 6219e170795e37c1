"""Short names of parts of the configuration: that of their file, and what was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snowmelt.common.instantiate import plain
from snowmelt.pipeline.config.conf_files import body_of


def file_of(node: Any, group: str, root: Path) -> str | None:
    """The name of the file of conf/<group>/ that says just what this part says, if any."""
    wanted = plain(node)
    for name, said in _files(group, root).items():
        if said == wanted:
            return name
    return None


def name_of(node: Any, group: str, root: Path) -> str:
    """A name for a part, short and good for a folder.

    It is that of the file that says the same; else that of a file of the same class with
    the values that differ, `double_gaussian_distance=2.4`; else that of the class.
    """
    exact = file_of(node, group, root)
    if exact is not None:
        return exact
    wanted = plain(node)
    alike = {
        name: _changed(said, wanted)
        for name, said in _files(group, root).items()
        if said.get("_target_") == wanted["_target_"]
    }
    if not alike:
        return str(wanted["_target_"]).rpartition(".")[2]
    name = min(alike, key=lambda name: len(alike[name]))
    return "_".join((name, *alike[name]))


def _files(group: str, root: Path) -> dict[str, dict[str, Any]]:
    files = sorted((root / "conf" / group).glob("*.yaml"))
    return {file.stem: body_of(file) for file in files}


def _changed(said: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What is wanted otherwise; what a file leaves to another key counts as said."""
    return [
        f"{key}={_short(value)}"
        for key, value in wanted.items()
        if said.get(key) != value and "${" not in str(said.get(key))
    ]


def _short(value: Any, most: int = 24) -> str:
    """A value without spaces and slashes, cut where it is long."""
    kept = "".join(c for c in str(value) if c.isalnum() or c in ".,-+[]")
    return kept[:most]
