"""Whether numbers were measured in one way, and if not, in which fields of the protocol."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from snowmelt.common.errors import UserError
from snowmelt.evaluation.comparison.compared_models import Measured
from snowmelt.evaluation.protocol import SUBJECT

# What may be the subject of a comparison instead of a part of how it was measured, and the
# fields of the protocol that go with it.
ACROSS = {
    "sampler": ("sampler", "steps"),
    "weights": ("weights",),
    "guidance": ("guidance",),
}
# Of a likelihood: where the schedule has the noise that `settings` ask for.
_DERIVED = ("first_time",)
# Of a flow: what it was not measured by, which the metrics that are there do not depend on.
_OTHERS = ("left_out",)
_MOST, _LONGEST = 6, 40
_WHOLE = ("reference_classes",)  # fields that say little in parts


class FieldDifference(NamedTuple):
    """A field of the protocol, and what each side says of it; None where it lacks it."""

    field: str
    one: Any
    two: Any

    def __str__(self) -> str:
        return f"{self.field} ({_shown(self.one)} and {_shown(self.two)})"


def differing_fields(
    one: Mapping[str, Any],
    two: Mapping[str, Any],
    across: Collection[str] = (),
    trained: Collection[str] = (),
) -> list[FieldDifference]:
    """The fields of two protocols that differ, `sampler.eta` for one within another.

    What was measured rather than how is left out; see `snowmelt.evaluation.protocol`.

    Args:
        across: keys of `ACROSS` that are compared.
        trained: fields that say what was trained, `Metric.trained`.
    """
    compared = (field for name in across for field in ACROSS[name])
    ignored = {*SUBJECT, *_DERIVED, *_OTHERS, *trained, *compared}
    first, second = (
        dict(_leaves({k: v for k, v in side.items() if k not in ignored}, ""))
        for side in (one, two)
    )
    fields = [*first, *(field for field in second if field not in first)]
    return [
        FieldDifference(field, first.get(field), second.get(field))
        for field in fields
        if first.get(field) != second.get(field)
    ]


def check(runs: Sequence[Measured], across: Collection[str] = ()) -> None:
    """Refuse sets of samples that were not measured in one way.

    Raises:
        UserError: the fields that differ, with both values.
    """
    first = runs[0]
    for other in runs[1:]:
        found = differing_fields(first.protocol, other.protocol, across)
        if found:
            raise UserError(
                f"{first.name} and {other.name} were measured in different ways and do not"
                f" compare: they differ in {_listed(found)}{_advice(found)}"
            )


def _advice(found: Sequence[FieldDifference]) -> str:
    """What to do about the fields that differ."""
    tops = {difference.field.partition(".")[0] for difference in found}
    meant = [name for name, fields in ACROSS.items() if tops & set(fields)]
    rest = tops - {field for name in meant for field in ACROSS[name]}
    if rest:
        return "; evaluate both in the same way"
    return f"; if that is what you want to compare, say so by across={','.join(meant)}"


def _listed(found: Sequence[FieldDifference]) -> str:
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return ", ".join(map(str, found[:_MOST])) + more


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner and key not in _WHOLE:
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _shown(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
