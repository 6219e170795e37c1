"""Safe instantiation of the classes that a configuration names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from inspect import isabstract
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from snowmelt.common import public_names
from snowmelt.common.errors import UserError
from snowmelt.common.section import refusals
from snowmelt.common.signatures import Signature, signature_of

Built = TypeVar("Built")
TARGET = "_target_"
# What a constructor raises at arguments that it refuses, or that are too much for it.
_REFUSALS = (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError)


def plain(node: Any) -> Any:
    """A part of the configuration as dicts, lists and scalars."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def resolved(values: Mapping[str, Any], section: str) -> Any:
    """A section of plain values, with what its texts refer to put in their place.

    Raises:
        UserError: a text refers to a key or to a variable that is not set.
    """
    if "${" not in str(values[section]):
        return values[section]
    try:
        return OmegaConf.to_container(OmegaConf.create(dict(values))[section], resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{section}: {str(error).splitlines()[0]}") from error


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
        UserError: the class is not of that kind, an argument is unknown, missing or of
            another type or range than its signature says, or the class refuses a value.
    """
    plain_node = plain(node)
    found = class_of(plain_node, base)
    taken = inspect.signature(found).parameters
    extra = {key: value for key, value in extra.items() if key in taken or _has_rest(taken)}
    signature = check_arguments(found, plain_node, given=extra)
    arguments = {
        name: build(value, signature.parts[name], **extra)
        if name in signature.parts and isinstance(value, Mapping)
        else value
        for name, value in plain_node.items()
        if name != TARGET
    }
    try:
        return found(**arguments, **extra)
    except _REFUSALS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{plain_node[TARGET]}: {reason}") from error


def check(key: str, node: Any, base: type, given: Iterable[str] = ()) -> None:
    """Refuse a configuration node that `build` would refuse by its names, types and ranges.

    Nothing is built, so nothing is allocated or read.

    Args:
        key: where the node stands in the configuration.
        given: the arguments that the caller of `build` has.

    Raises:
        UserError: naming the key, the value and what is allowed.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{key} must be a mapping with a _target_, got {node!r}")
    try:
        found: type = class_of(node, base)
    except UserError as error:
        raise UserError(f"{key}: {error}") from error
    signature = check_arguments(found, node, given=given, key=key)
    for name, part in signature.parts.items():
        if isinstance(node.get(name), Mapping):
            check(f"{key}.{name}", node[name], part, given)


def class_of(node: Any, base: type[Built]) -> type[Built]:
    """The class that a node names: of this package, derived from `base`, and not abstract.

    Raises:
        UserError: it names something else, or nothing.
    """
    target = str(node.get(TARGET, "")) if isinstance(node, Mapping) else ""
    if not target.startswith("snowmelt.") or target.count(".") < 2:
        raise UserError(
            f"_target_ '{target}' is not a class of snowmelt: only those are built"
        )
    try:
        found = public_names.find(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"_target_ '{target}' is not to be found: {error}") from error
    if not isinstance(found, type) or not issubclass(found, base) or isabstract(found):
        raise UserError(f"_target_ '{target}' is not a {base.__name__}")
    return found


def check_arguments(
    kind: type, node: Mapping[str, Any], *, given: Iterable[str] = (), key: str = ""
) -> Signature:
    """What the constructor of a class takes, if the arguments in a node are of that kind.

    Raises:
        UserError: an argument is unknown or missing, or of another type or range.
    """
    signature = signature_of(kind, frozenset(given))
    arguments = {str(name): value for name, value in node.items() if name != TARGET}
    try:
        signature.section.model_validate(arguments)
    except ValidationError as error:
        said = refusals(signature.section, error, key)[0]
        raise UserError(said if key else f"{node[TARGET]}: {said}") from error
    return signature


def _has_rest(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
