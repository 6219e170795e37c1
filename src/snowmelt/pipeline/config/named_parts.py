"""Parts inside other parts that are given by the name of a file of conf/.

A part inside another of its own group is named as that one is: `schedule.of=cosine`. What a
start is made of is of other groups: `start.of=rings` names a file of conf/data/, and
`start.of.density=moons` one of conf/density/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.instantiate import resolved
from snowmelt.pipeline.config import conf_files, environment_values
from snowmelt.pipeline.config.overrides import groups

OTHERS = {"start.of": "data", "start.of.density": "density"}


def with_named_parts(plain: Any, root: Path) -> Any:
    """The values with each name of a part inside another replaced by what its file says.

    Raises:
        UserError: there is no file of that name.
    """
    known = groups(root)
    kinds = {f"{group}.of": group for group in known} | OTHERS
    for key, kind in kinds.items():
        *outer, last = key.split(".")
        owner = plain
        for part in outer:
            owner = owner.get(part) if isinstance(owner, dict) else None
        name = owner.get(last) if isinstance(owner, dict) else None
        if isinstance(name, str):
            owner[last] = _body(name, kind, known[kind], key, plain, root)
    return plain


def _body(
    name: str, kind: str, names: list[str], key: str, plain: Any, root: Path
) -> dict[str, Any]:
    """What a file says, with the keys that it refers to."""
    if name not in names:
        raise UserError(
            f"{key}: unknown {kind} '{name}'{did_you_mean(name, names)}."
            f" Known: {', '.join(names)} (the files of conf/{kind}/)"
        )
    body = conf_files.body_of(root / "conf" / kind / f"{name}.yaml")
    environment_values.refuse(f"conf/{kind}/{name}.yaml", body, key=key)
    found: dict[str, Any] = resolved(plain | {"of": body}, "of")
    return found
