"""The signature of a constructor as a section of the configuration.

What `_target_` names takes what its constructor takes: the annotations say the types, those
of `snowmelt.common.bounds` the ranges, and an argument that is an object of this package is
a part with a `_target_` of its own. A new class is therefore checked without more code.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import warnings
from collections.abc import Sequence
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Interval
from pydantic import AfterValidator, Field, create_model

from snowmelt.common.bounds import LARGEST
from snowmelt.common.section import Part, Section, Text

_NUMBERS = "must be a number, or lists of finite numbers"


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a constructor takes.

    Attributes:
        section: its arguments, checked; parts among them as plain mappings.
        parts: the arguments that are objects themselves, each with the class it must be of.
    """

    section: type[Section]
    parts: dict[str, type]


@functools.cache
def signature_of(kind: type, given: frozenset[str] = frozenset()) -> Signature:
    """What the constructor of a class takes from a configuration.

    Args:
        given: arguments that the caller has, and a configuration must not name.
    """
    hints = _hints(kind)
    fields: dict[str, Any] = {}
    parts: dict[str, type] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        is_rest = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if is_rest or name in given:
            continue
        annotation = hints.get(name, Any)
        if (part := _part_in(annotation)) is not None:
            parts[name] = part
        has_default = parameter.default is not parameter.empty
        default = parameter.default if has_default else ...
        fields[name] = (_declared(annotation), Field(default))
    with warnings.catch_warnings():
        # An argument may be called as a method of a section is, such as `of`.
        warnings.simplefilter("ignore", UserWarning)
        section = create_model(kind.__name__, __base__=Section, **fields)
    return Signature(section, parts)


def _hints(kind: type) -> dict[str, Any]:
    """The annotations of the constructor's arguments.

    Those of a dataclass stand in the classes that declare its fields: the constructor that
    it gets has their text, but not what the text means there.
    """
    written = kind.__init__  # type: ignore[misc]
    is_made = dataclasses.is_dataclass(kind) and "<string>" in written.__code__.co_filename
    return get_type_hints(kind if is_made else written, include_extras=True)


def _is_ours(annotation: Any) -> bool:
    return isinstance(annotation, type) and annotation.__module__.startswith("snowmelt.")


def _part_in(annotation: Any) -> type | None:
    """The class of a part, which may be left out if None stands beside it."""
    options = options_of(annotation)
    found = [option for option in options if _is_ours(option)]
    return found[0] if len(found) == 1 else None


def options_of(annotation: Any) -> Sequence[Any]:
    """The kinds of value that an annotation allows."""
    is_union = get_origin(annotation) in (Union, UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _declared(annotation: Any) -> Any:
    """An annotation as a field of a section has it: with a range and for plain values."""
    options = options_of(annotation)
    if any(_is_tensor(option) for option in options):
        nested = Annotated[Any, AfterValidator(_finite_numbers)]
        return nested if type(None) not in options else nested | None
    if len(options) > 1:
        # Seen by pydantic, a union of types that were made at run time.
        return Union[tuple(map(_declared, options))]  # noqa: UP007
    origin, inner = get_origin(annotation), get_args(annotation)
    if _is_ours(annotation):
        return Part
    if annotation is str:
        return Text
    if annotation is int:
        return Annotated[int, Interval(ge=-int(LARGEST), le=int(LARGEST))]
    if annotation is float:
        return Annotated[float, Interval(ge=-LARGEST, le=LARGEST)]
    if isinstance(origin, type) and issubclass(origin, Sequence):
        each: Any = _declared(inner[0])
        some: Any = tuple.__class_getitem__((each, ...))
        return Annotated[some, Field(strict=False, max_length=1_000_000)]
    known = annotation in (bool, type(None)) or origin in (Annotated, Literal)
    return annotation if known else Any


def _is_tensor(annotation: Any) -> bool:
    return getattr(annotation, "__name__", "") == "Tensor"


def _finite_numbers(value: Any) -> Any:
    """A number, or lists of them, or a part that makes them."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple):
        for one in value:
            _finite_numbers(one)
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= LARGEST or not math.isfinite(value):
        raise ValueError(f"{_NUMBERS}, each within +-{LARGEST:g}")
    return value
