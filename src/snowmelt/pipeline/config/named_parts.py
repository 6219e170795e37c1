"""Parts inside other parts that are given by the name of a file of conf/.

A part inside another of its own group is named as that one is: `schedule.of=cosine`. What a
start is made of is of other groups: `start.of=rings` names a file of conf/data/, and
`start.of.density=moons` one of conf/density/. Keys of such a file are set below its name:
`start.of=array start.of.path=points.npy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.instantiate import resolved
from snowmelt.pipeline.config import conf_files, environment_values
from snowmelt.pipeline.config.overrides import SourcedOverride, groups, key_of, quoted

OTHERS = {"start.of": "data", "start.of.density": "density"}


def opened(
    choices: Sequence[SourcedOverride], composed: Callable[[], Any], root: Path
) -> list[SourcedOverride]:
    """What sets the keys of a file where its name stands, so that a key of it can be set.

    Args:
        choices: overrides of keys.
        composed: what composes without them.

    Returns:
        For each name with a choice below it an override with all that its file says, after
        the choice of the name itself if there is one; they come before `choices`.

    Raises:
        UserError: there is no file of that name.
    """
    known, found = groups(root), []
    for key, kind in _kinds(known).items():
        if not any(key_of(choice).startswith(f"{key}.") for choice in choices):
            continue
        standing = _standing(composed(), key)
        own = [choice for choice in choices if key_of(choice) == key and standing]
        name = own[-1].parse().value() if own else standing
        if isinstance(name, str):
            file = _file(name, kind, known[kind], key, root)
            origin = own[-1].origin if own else f"conf/{kind}/{name}.yaml"
            found += [*own, SourcedOverride(f"{key}={quoted(file)}", origin)]
    return found


def with_named_parts(plain: Any, root: Path) -> Any:
    """The values with each name of a part inside another replaced by what its file says.

    Raises:
        UserError: there is no file of that name.
    """
    known = groups(root)
    for key, kind in _kinds(known).items():
        outer, _, last = key.rpartition(".")
        owner = _standing(plain, outer)
        name = owner.get(last) if isinstance(owner, dict) else None
        if isinstance(name, str):
            file = _file(name, kind, known[kind], key, root)
            owner[last] = resolved(plain | {"of": file}, "of")
    return plain


def _kinds(known: Mapping[str, list[str]]) -> dict[str, str]:
    """The keys where a name may stand, and the group whose files it names."""
    return {f"{group}.of": group for group in known} | OTHERS


def _standing(tree: Any, key: str) -> Any:
    """What stands at a key; None where nothing does."""
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _file(name: str, kind: str, names: list[str], key: str, root: Path) -> dict[str, Any]:
    """What a file says; what it refers to stands as it is."""
    if name not in names:
        raise UserError(
            f"{key}: unknown {kind} '{name}'{did_you_mean(name, names)}."
            f" Known: {', '.join(names)} (the files of conf/{kind}/)"
        )
    body = conf_files.body_of(root / "conf" / kind / f"{name}.yaml")
    environment_values.refuse(f"conf/{kind}/{name}.yaml", body, key=key)
    return body
