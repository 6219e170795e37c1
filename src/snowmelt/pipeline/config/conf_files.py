"""A look at the files of conf/ before Hydra composes them.

Hydra has settings of its own, the section `hydra`, which can name any Python function
(callbacks, launchers, sweepers, logging) and more places to search for files. Nothing of it
is needed but the values that a file of conf/sweep/ goes through, so the rest is refused
wherever it is written. Hydra is also asked to compose only, never to run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.yaml_files import read_yaml
from snowmelt.pipeline.config import references

_MOST_FILES = 2000
_HEADER = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)


def check(root: Path) -> tuple[tuple[Path, int, int], ...]:
    """Refuse a file of conf/ that is no configuration, or says what Hydra shall run.

    Returns:
        All files, each with when it was changed and its size: who has seen them so need
        not read them again.

    Raises:
        UserError: naming the first such file.
    """
    folder = root / "conf"
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml"))
    if len(files) > _MOST_FILES:
        raise UserError(f"{folder} holds {len(files)} files: that is no configuration")
    states = [(file, file.stat()) for file in files]
    found = tuple((file, state.st_mtime_ns, state.st_size) for file, state in states)
    for file, changed, size in found:
        _look_at(file, folder, changed, size)
    return found


def body_of(file: Path, shown: str = "") -> dict[str, Any]:
    """The keys and values of a YAML file; none of an empty one.

    Raises:
        UserError: it is no mapping in valid YAML.
    """
    body = read_yaml(file, shown)
    if body is None:
        return {}
    if not isinstance(body, dict):
        kind = type(body).__name__
        raise UserError(f"{shown or file} must map keys to values, got {kind}")
    return body


def chosen_in(body: Mapping[str, Any], shown: str) -> Iterator[tuple[str, Any]]:
    """The groups and names of a file's defaults list.

    Raises:
        UserError: it is no such list.
    """
    defaults = body.get("defaults") or []
    for item in defaults if isinstance(defaults, list) else [defaults]:
        if isinstance(item, str):
            continue
        if not isinstance(item, dict) or len(item) != 1:
            raise UserError(
                f"{shown}: defaults must be a list of `- override /group: name`, got"
                f" {item!r}"
            )
        ((key, value),) = item.items()
        group = str(key).removeprefix("optional ").removeprefix("override ")
        yield group.strip(" /"), value


def named_in(body: Mapping[str, Any]) -> list[str]:
    """The files of its own folder that a file's defaults list names, but itself."""
    defaults = body.get("defaults") or []
    listed = defaults if isinstance(defaults, list) else [defaults]
    texts = [item for item in listed if isinstance(item, str)]
    return [text.strip(" /") for text in texts if text != "_self_"]


@functools.cache
def _look_at(file: Path, folder: Path, changed: int, size: int) -> None:
    """Look at a file once, as long as it stays what it is."""
    shown = f"conf/{file.relative_to(folder)}"
    body = body_of(file, shown)
    references.check_form(body, shown)
    groups = [key for key, _ in chosen_in(body, shown)]
    headers = _HEADER.findall(file.read_text(encoding="utf-8-sig"))
    if any(_is_hydras(name) for name in (*groups, *named_in(body), *headers, shown[5:])):
        raise UserError(_refusal(shown))
    for key, value in body.items():
        if not _is_hydras(key):
            continue
        is_sweep = file.parent == folder / "sweep" and key == "hydra"
        if not is_sweep or not _says_values_only(value):
            raise UserError(_refusal(shown))


def _is_hydras(name: str) -> bool:
    """Whether a key, a group or a package is, or moves something into, Hydra's own."""
    parts: Iterable[str] = re.split(r"[@:/.\s]+", name)
    return "hydra" in parts


def _says_values_only(section: Any) -> bool:
    """Whether a sweep's section says its mode and its values, and no more."""
    if not isinstance(section, dict) or not set(section) <= {"mode", "sweeper"}:
        return False
    sweeper = section.get("sweeper", {})
    if not isinstance(sweeper, dict) or not set(sweeper) <= {"params"}:
        return False
    params = sweeper.get("params", {})
    return isinstance(params, dict) and not any(map(_is_hydras, params))


def _refusal(shown: str) -> str:
    return (
        f"{shown}: Hydra's own settings are not taken, since they can run any program; of"
        " them a file of conf/sweep/ may say hydra.sweeper.params"
    )
