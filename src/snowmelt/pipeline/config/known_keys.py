"""What an override may set: keys that conf/ has, mappings by mappings, lists by lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.pipeline.config.conf_files import body_of
from snowmelt.pipeline.config.overrides import SourcedOverride, key_of

SHOWN = 3  # files of a group in a message


def check_own(choice: SourcedOverride, tree: Any) -> None:
    """Refuse a key below one that takes its whole value from elsewhere, and say where."""
    parts = key_of(choice).split(".")
    for depth, part in enumerate(parts):
        if isinstance(tree, str) and (taken := re.fullmatch(r"\$\{([\w.]+)\}", tree)):
            key = ".".join((taken[1], *parts[depth:]))
            raise UserError(
                f"{choice.origin}: {'.'.join(parts[:depth])} is taken from {taken[1]}: set"
                f" {key}"
            )
        if not isinstance(tree, dict):
            return
        tree = tree.get(part)


def is_plain(tree: Any, key: str) -> bool:
    """Whether a key is there, with a value that refers to no other."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return not (isinstance(tree, str) and "${" in tree)


def check(
    choice: SourcedOverride, base: Any, known: Mapping[str, list[str]], root: Path
) -> None:
    """Refuse a key that is not in conf/; what its value may be is for the schema to say.

    Args:
        base: what composes without it.
        known: the groups of conf/ and the choices of each.
        root: the project's.

    Raises:
        UserError: with the keys that there are.
    """
    key = key_of(choice)
    parent, parts = base, key.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(parent, dict) or part not in parent:
            told = _others(key, known, root) if depth == 1 else ""
            told += _told(key, depth, parent, base, known)
            raise UserError(f"{choice.origin}: unknown key '{key}'{told}")
        parent = parent[part]
    check_kind(choice, base)


def _told(key: str, depth: int, parent: Any, base: Any, known: Iterable[str]) -> str:
    """What there is instead of a key whose part at `depth` is not in `parent`."""
    parts = key.split(".")
    where = ".".join(parts[:depth])
    if not isinstance(parent, dict):
        kind = "a list" if isinstance(parent, list) else "a single value"
        return f": {where} is {kind} and has no keys"
    near = list(dict.fromkeys([*parent, *known])) if depth == 0 else list(parent)
    meant = _elsewhere(key, base) if depth == 0 else _in_another(parts, base)
    meant = meant or did_you_mean(parts[depth], near)
    return f"{meant}. Known keys{f' of {where}' if where else ''}: {', '.join(near)}"


def _others(key: str, known: Mapping[str, list[str]], root: Path) -> str:
    """Which other files of a group have a key that the chosen one lacks."""
    group, first, *_ = key.split(".")
    folder = root / "conf" / group
    bodies = {name: body_of(folder / f"{name}.yaml") for name in known.get(group, ())}
    owners = {name: body[first] for name, body in bodies.items() if first in body}
    source = f"{group}_{first}"  # a key for the usual choices: `path: ${data_path}`
    taken = [name for name, value in owners.items() if value == f"${{{source}}}"]
    if not owners:
        return ""
    names = [f"{group}={name}" for name in taken or owners]
    which = " or ".join(names[:SHOWN]) + (" or another" if len(names) > SHOWN else "")
    return f": {which} has it: choose that" + (f", and set {source}" if taken else "")


def check_kind(choice: SourcedOverride, base: Any) -> None:
    """Refuse a list for a mapping and the other way round, which Hydra cannot merge.

    Raises:
        UserError: naming the key.
    """
    override, node = choice.parse(), base
    for part in key_of(choice).split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    if not override.is_sweep_override():
        check_kinds(key_of(choice), override.value(), node, choice.origin)


def check_kinds(key: str, value: Any, node: Any, origin: str) -> None:
    """As `check_kind`, of a value, what stands there without it, and where it was given."""
    if isinstance(value, list) and isinstance(node, Mapping):
        raise UserError(f"{origin}: {key} must be a mapping, got {value}")
    if isinstance(value, Mapping) and isinstance(node, list):
        raise UserError(f"{origin}: {key} must be a list, got {dict(value)}")
    if isinstance(value, Mapping) and isinstance(node, Mapping):
        for name, inner in value.items():
            check_kinds(f"{key}.{name}", inner, node.get(str(name)), origin)


def _in_another(parts: list[str], base: Any) -> str:
    """The one other section that has a key of this very name: training of `data.flip`."""
    name = parts[-1]
    owners = [k for k, v in base.items() if isinstance(v, dict) and name in v]
    is_told = len(parts) == 2 and len(owners) == 1
    return f" (did you mean '{owners[0]}.{name}'?)" if is_told else ""


def _elsewhere(key: str, base: Any) -> str:
    """Where the keys of a group lie that is a part of another: grid and threshold."""
    first = key.partition(".")[0]
    owners = [k for k, v in base.items() if isinstance(v, dict) and first in v]
    return f" (did you mean '{owners[0]}.{key}'?)" if owners else ""
