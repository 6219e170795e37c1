"""`training.steps` or `training.minutes`: which of the two a configuration means.

Only one of them ends a training. Where both are given, the stronger place decides, as for
every other key, and the other becomes null; the steps that conf/ gives are the weakest.
"""

from __future__ import annotations

from collections.abc import Sequence

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config.overrides import (
    COMMAND_LINE,
    OVERRIDES,
    PARAMS,
    SourcedOverride,
    key_of,
)

STEPS, MINUTES = "training.steps", "training.minutes"
_STRENGTHS = {PARAMS: 0, OVERRIDES: 3, COMMAND_LINE: 4}
# Every other place is a file: of an experiment, or of a sweep, which conf/ puts over it.
_EXPERIMENT, _SWEEP = 1, 2


def settled(
    choices: Sequence[SourcedOverride], written: Sequence[SourcedOverride]
) -> list[SourcedOverride]:
    """The choices, with null for the one of the two that another has replaced.

    Args:
        written: what the chosen experiment and sweep set.

    Raises:
        UserError: one place gives both.
    """
    steps, minutes = (_strongest(key, [*written, *choices]) for key in (STEPS, MINUTES))
    if minutes is None:
        return list(choices)
    if steps is not None and _strength(steps) == _strength(minutes):
        raise UserError(
            f"{minutes.origin}: '{steps.text}' and '{minutes.text}' exclude each other:"
            " one of the two ends a training, so keep one"
        )
    is_timed = steps is None or _strength(minutes) > _strength(steps)
    replaced, by = (STEPS, minutes) if is_timed else (MINUTES, steps)
    assert by is not None
    kept = [choice for choice in choices if key_of(choice) != replaced]
    return [*kept, SourcedOverride(f"{replaced}=null", by.origin)]


def _strongest(key: str, given: Sequence[SourcedOverride]) -> SourcedOverride | None:
    """The strongest choice of a key, if there is one that is not null."""
    found = [
        choice
        for choice in given
        if key_of(choice) == key and choice.parse().value() is not None
    ]
    return max(found, key=_strength, default=None)


def _strength(choice: SourcedOverride) -> int:
    of_file = _SWEEP if choice.origin.startswith("conf/sweep/") else _EXPERIMENT
    return _STRENGTHS.get(choice.origin, of_file)
