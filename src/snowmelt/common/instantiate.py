"""Safe instantiation of the classes that a configuration names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from inspect import isabstract
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from omegaconf import OmegaConf

from snowmelt.common import public_names
from snowmelt.common.errors import UserError

Built = TypeVar("Built")


def plain(node: Any) -> Any:
    """A part of the configuration as dicts, lists and scalars."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def build(node: Any, base: type[Built], **extra: Any) -> Built:
    """Build the object that a configuration node names by its `_target_`.

    Only a class of this package that derives from `base` is built, so a configuration that
    came with a stranger's checkpoint cannot run anything else. An argument that is itself
    such a node is built first, from the class that the constructor's annotation asks for.

    Args:
        node: a mapping with `_target_` and the constructor's arguments.
        base: what the object must be.
        extra: further arguments that are no configuration (a data shape, a folder).

    Raises:
        UserError: the class is not of that kind, an argument is unknown or missing, or the
            class refuses a value.
    """
    arguments = dict(plain(node))
    target = str(arguments.pop("_target_", ""))
    if not target.startswith("snowmelt.") or target.count(".") < 2:
        raise UserError(
            f"_target_ '{target}' is not a class of snowmelt: only those are built"
        )
    try:
        found = public_names.find(target)
    except (ImportError, AttributeError) as error:
        raise UserError(f"_target_ '{target}' is not to be found: {error}") from error
    if not isinstance(found, type) or not issubclass(found, base) or isabstract(found):
        raise UserError(f"_target_ '{target}' is not a {base.__name__}")
    taken = inspect.signature(found).parameters
    extra = {key: value for key, value in extra.items() if key in taken or _has_rest(taken)}
    try:
        inspect.signature(found).bind(**arguments, **extra)
    except TypeError as error:
        raise UserError(f"{target}: {error}; it takes {', '.join(taken)}") from error
    arguments = {
        name: _argument(found, name, value, extra) for name, value in arguments.items()
    }
    try:
        return found(**arguments, **extra)
    except (ValueError, TypeError) as error:
        raise UserError(f"{target}: {error}") from error


def _argument(owner: type, name: str, value: Any, extra: Mapping[str, Any]) -> Any:
    """The argument itself, or the object that it describes."""
    if not isinstance(value, Mapping) or "_target_" not in value:
        return value
    annotation = inspect.signature(owner, eval_str=True).parameters[name].annotation
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else None
    if not isinstance(annotation, type):
        raise UserError(f"{owner.__name__}: {name} takes a value, not a _target_")
    return build(value, annotation, **extra)


def _has_rest(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
