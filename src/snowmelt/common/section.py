"""A section of the configuration as a frozen object: every key declared once.

A field gives a key its type, its default, its bounds and the sentence that explains it:

    class EMA(Section):
        key = "training.ema"
        decay: float = Field(0.998, ge=0, lt=1, description="Largest decay of the average.")

Hydra composes its defaults from that, `snowmelt settings` prints it, and a value that a
declaration refuses is one line: `training.ema.decay must be a number in [0, 1), got 1.5`.
A text is no number and true is none either; but a whole number will do for a fraction, and
a number for a text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
)
from pydantic.fields import FieldInfo

from snowmelt.common.bounds import Seed
from snowmelt.common.errors import UserError, did_you_mean

__all__ = ["Device", "Part", "Section", "Seed", "Text", "fields_of", "kind_of", "refusals"]

_DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
_LONGEST_TEXT = 4096  # that of a path
_MOST_SHOWN = 120  # characters of a value in a message


def _as_typed(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and math.isfinite(value) else value


def _a_text(value: str) -> str:
    if not value.strip():
        raise ValueError("must be a text that is not empty")
    if len(value) > _LONGEST_TEXT or not value.isprintable():
        raise ValueError(
            f"must be a text of at most {_LONGEST_TEXT} characters that can be printed"
        )
    return value


def _a_device(value: str) -> str:
    kind, colon, number = value.partition(":")
    is_index = number.isascii() and number.isdigit() and len(number) <= 3
    if kind not in _DEVICES or (colon and not (kind in ("cuda", "xpu") and is_index)):
        meant = did_you_mean(kind, _DEVICES)
        raise ValueError(f"must be {', '.join(_DEVICES)}, or one like cuda:1{meant}")
    return value


# A part that `snowmelt.common.instantiate.build` makes, with the class in `_target_`.
Part = dict[str, Any]
# A name or a path, which may look like a number: YAML and Hydra make one of `name=2024`.
Text = Annotated[str, BeforeValidator(_as_typed), AfterValidator(_a_text)]
# Where tensors live, as torch names it; auto is a GPU where there is one.
Device = Annotated[str, AfterValidator(_a_device)]


class Section(BaseModel):
    """Some keys of the configuration, checked; it cannot be changed.

    Attributes:
        key: where the section lies in the configuration; "" for its top.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        ser_json_inf_nan="null",
    )
    key: ClassVar[str] = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The section from its plain values; a key that is left out takes its default.

        Raises:
            UserError: a key is unknown or missing, or a value is refused.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UserError(refusals(cls, error)[0]) from error

    def plain(self) -> dict[str, Any]:
        """The values as dicts, lists and scalars."""
        return self.model_dump(mode="json")


def refusals(section: type[Section], error: ValidationError, key: str = "") -> list[str]:
    """What was wrong, a line each, with the full key.

    Args:
        key: where the section lies, if that is not its own `key`.
    """
    where = key or section.key
    return [_refusal(section, found, where) for found in error.errors(include_url=False)]


def _refusal(section: type[Section], found: Any, key: str) -> str:
    names = [part for part in found["loc"] if isinstance(part, str)]
    owner, field = section, None
    path = [key] if key else []
    for name in names:
        if name not in owner.model_fields:
            continue  # a kind of a union, or a key that there is none of
        path.append(name)
        field = owner.model_fields[name]
        owner = inner_section(field) or owner
    match found["type"]:
        case "extra_forbidden":
            where, known = ".".join(path), list(owner.model_fields)
            meant = did_you_mean(names[-1], known) if names else ""
            of = f" of {where}" if where else ""
            unknown = ".".join((*path, names[-1] if names else str(found["loc"][-1])))
            return (
                f"unknown key '{unknown}'{meant}. Known keys{of}:"
                f" {', '.join(known) or 'none'}"
            )
        case "missing":
            return f"{'.'.join(path)} is missing"
        case "value_error":
            must = str(found["ctx"]["error"])
        case _:
            assert field is not None
            must = f"must be {kind_of(field)}"
    meant = _meant(field, found["input"]) if field is not None else ""
    return f"{'.'.join(path)} {must}, got {shown(found['input'])}{meant}"


def shown(value: Any) -> str:
    """A value as a message quotes it: cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _meant(field: FieldInfo, value: Any) -> str:
    """The nearest of a choice's names."""
    options = [field.annotation, *get_args(field.annotation)]
    known = [o for one in options if get_origin(one) is Literal for o in get_args(one)]
    return did_you_mean(value, map(str, known)) if isinstance(value, str) else ""


def inner_section(field: FieldInfo) -> type[Section] | None:
    """The class of a field that is a section itself."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def fields_of(section: type[Section], key: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a section and of those inside it, in full, with its declaration."""
    for name, field in section.model_fields.items():
        full = f"{key}.{name}" if key else name
        inner = inner_section(field)
        if inner is None:
            yield full, field
        else:
            yield from fields_of(inner, full)


def kind_of(field: FieldInfo) -> str:
    """What values a field takes, in words: "a number in [0, 1), or null"."""
    return _kind(field.annotation, _bounds(field.metadata))


def _bounds(metadata: Sequence[Any]) -> dict[str, Any]:
    named = ("ge", "gt", "le", "lt")
    found = [(name, getattr(m, name, None)) for m in metadata for name in named]
    return {name: bound for name, bound in found if bound is not None}


def _kind(annotation: Any, bounds: Mapping[str, Any]) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0], {**bounds, **_bounds(_unfolded(inner[1:]))})
    if origin in (Union, UnionType):
        kinds = list(
            dict.fromkeys(_kind(one, bounds) for one in inner if one is not type(None))
        )
        return " or ".join((*kinds, "null") if type(None) in inner else kinds)
    if origin is Literal:
        *first, last = map(str, inner)
        return f"{', '.join(first)} or {last}" if first else last
    if origin in (tuple, list):
        return f"a list, each {_kind(inner[0], bounds)}"
    if annotation is Any:
        return "a number, or lists of numbers"
    if annotation is bool:
        return "true or false"
    if annotation is int:
        return _whole(bounds)
    if annotation is float:
        return _number(bounds)
    return "a text" if annotation is str else "a mapping"


def _unfolded(metadata: Sequence[Any]) -> list[Any]:
    """The bounds themselves, of which `Field` holds a list."""
    return [one for m in metadata for one in getattr(m, "metadata", [m])]


def _whole(bounds: Mapping[str, Any]) -> str:
    least, most = bounds.get("ge"), bounds.get("le")
    if bounds.get("lt") == 2**63:
        return f"an integer from {least} to 2^63 - 1"
    named = {None: "an integer", 0: "an integer, 0 or more", 1: "a positive integer"}
    return named.get(least, f"an integer of at least {least}") + _up_to(most)


def _up_to(most: float | None) -> str:
    return "" if most is None else f", at most {most:,.12g}"


def _number(bounds: Mapping[str, Any]) -> str:
    low, high = (bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt")))
    if low == 0 and "le" in bounds and high > 1:
        kind = "a number, 0 or more" if "ge" in bounds else "a positive number"
        return kind + _up_to(high)
    if low is not None and high is not None:
        opening, closing = "[" if "ge" in bounds else "(", "]" if "le" in bounds else ")"
        return f"a number in {opening}{low:g}, {high:g}{closing}"
    if low is None:
        return "a number"
    if low == 0:
        return "a number, 0 or more" if "ge" in bounds else "a positive number"
    return f"a number of at least {low:g}"
