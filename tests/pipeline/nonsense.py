"""Nonsense for every key of a configuration, made from what the schema declares."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from omegaconf import OmegaConf
from pydantic.fields import FieldInfo

from snowmelt.common.instantiate import plain
from snowmelt.common.section import kind_of
from snowmelt.common.signatures import options_of
from snowmelt.pipeline.config import composition, named_parts, schema
from snowmelt.pipeline.config.conf_files import body_of
from snowmelt.pipeline.config.overrides import OPTIONAL
from tests.project import ROOT

GROUPS = composition.groups(ROOT)
INSIDE = ("grid", "threshold")  # files that become a part of the sampler
# What no number in this program can be.
NO_NUMBER = (
    math.nan,
    math.inf,
    -math.inf,
    1e300,
    -1e300,
    10**30,
    "many",
    [1],
    {"a": 1},
    True,
)
NO_TEXT = (math.nan, "", "   ", "a\0b", "a\nb", "x" * 5000, [1], {"a": 1}, True)
NO_CHOICE = ("", "nothing", 3.5, ["a"], {"a": 1})
NO_LIST = (5, "many", {"a": 1}, [[[]]], [None], ["many", {}], [math.nan])
NO_MAPPING = (None, 5, "many", [1], True)


@dataclass(frozen=True)
class Nonsense:
    """A configuration in which one value is wrong.

    Attributes:
        key: of the value.
        value: what stands there.
    """

    base: dict[str, Any]
    key: str
    value: Any

    def __str__(self) -> str:
        return f"{self.key}={self.value!r:.40}"

    def whole(self) -> dict[str, Any]:
        """The whole configuration."""
        found = copy.deepcopy(self.base)
        *above, name = self.key.split(".")
        node = found
        for part in above:
            node = node[part]
        node[name] = self.value
        return found


@functools.cache
def composed() -> list[dict[str, Any]]:
    """Configurations that differ in one part each: every file of conf/ is in one."""
    base = plain(composition.compose(ROOT, is_checked=False))
    found = [base]
    for group, names in GROUPS.items():
        if group in OPTIONAL or (group not in schema.PARTS and group not in INSIDE):
            continue
        for name in names:
            body = body_of(ROOT / "conf" / group / f"{name}.yaml")
            owner = base[group] if group not in INSIDE else base["sampler"]
            if group in INSIDE:
                body = owner | ({} if name == "none" else {group: body})
                found.append(base | {"sampler": body})
            else:
                whole = OmegaConf.create(base | {group: body})
                values = composition.resolved_values(whole)
                found.append(named_parts.with_named_parts(values, ROOT))
    return found


def everything() -> list[Nonsense]:
    """Nonsense for every key of every class that conf/ names, and for every section."""
    found, seen = [], set()
    for base in composed():
        for key, field in schema.declared(base):
            owner, _, name = key.rpartition(".")
            place = (
                owner,
                name,
                str(value_at(base, owner).get("_target_") if owner else ""),
            )
            if place not in seen:
                seen.add(place)
                found += [Nonsense(base, key, value) for value in wrong_for(field)]
        for key, value in _mappings(base):
            place = (key, "", str(value.get("_target_")))
            if place not in seen:
                seen.add(place)
                found += [Nonsense(base, key, wrong) for wrong in _no_mapping(base, key)]
                if key != "paths":  # conf/paths/ alone knows which there are
                    found.append(Nonsense(base, f"{key}.no_such_key", 1))
                found.append(Nonsense(base, f"{key}._partial_", True))
                if "_target_" in value:
                    found += [
                        Nonsense(base, f"{key}._target_", target)
                        for target in ("os.system", "snowmelt.nets.Typo", None, 5, "")
                    ]
    return found


def wrong_for(field: FieldInfo) -> list[Any]:
    """Values that a key cannot take, by its declaration."""
    kinds = {_kind(option) for option in options_of(field.annotation)}
    wrong: list[Any] = [] if type(None) in kinds else [None]
    if str in kinds and len(kinds - {type(None)}) > 1:
        return [*wrong, {"a": 1}, True, math.nan]  # a class by name or by number
    if kinds & {int, float}:
        wrong += NO_NUMBER
        if ", 0 or more" in kind_of(field) or "positive" in kind_of(field):
            wrong.append(-1)
    elif bool in kinds:
        wrong += [0, 1, "yes", [True], {"a": 1}]
    elif Literal in kinds:
        wrong += NO_CHOICE
    elif str in kinds:
        wrong += NO_TEXT
    elif tuple in kinds:
        wrong += NO_LIST
    elif dict in kinds:
        wrong += [value for value in NO_MAPPING if value is not None]
    else:  # nested numbers
        wrong += ["many", [math.nan], [["many"]], 1e300, True]
    return wrong


def _kind(option: Any) -> Any:
    origin = get_origin(option)
    if origin in (None, Literal):
        return option if origin is None else Literal
    return _kind(get_args(option)[0]) if hasattr(option, "__metadata__") else origin


def _mappings(node: Any, above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every section and part inside a configuration."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield f"{above}{name}", value
            yield from _mappings(value, f"{above}{name}.")


def _no_mapping(base: dict[str, Any], key: str) -> list[Any]:
    may_be_null = key in {k for k, part in schema.PARTS.items() if part.is_optional}
    owner = key.rpartition(".")[0]
    fields = dict(schema.declared(Nonsense(base, key, None).whole())) if owner else {}
    field = fields.get(key)
    may_be_null |= field is not None and type(None) in options_of(field.annotation)
    return [value for value in NO_MAPPING if value is not None or not may_be_null]


def value_at(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree[part]
    return tree
