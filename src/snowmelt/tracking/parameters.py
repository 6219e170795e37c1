"""Turns the resolved configuration into MLflow parameters.

What people filter and sort by has a short name, as it would be typed: `schedule=cosine`,
`seed=1`, `training.steps=2400`, and whatever a sweep varies. All other values of the
configuration stand below `values/`, out of the way and complete: a list of parameters has
them at its end, and `RunReader` gives both under the keys of the configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from snowmelt.tracking.address import redacted

MAX_VALUE = 6000  # MLflow cuts longer values
MAX_KEY = 250
REST = "values/"
# Beside the names of the parts: what runs are most often told apart by.
SHORT = (
    "seed",
    "training.steps",
    "training.minutes",
    "training.batch_size",
    "training.learning_rate",
    "sampler.steps",
    "sample.num_samples",
)

# A parameter belongs to the stage that reads it: it is logged when that stage has finished,
# so that one run never holds two values of one parameter. Training logs all the others.
SECTIONS = {
    "sample": ("sampler", "sample", "guidance", "grid", "threshold"),
    "evaluate": (
        "evaluation",
        "likelihood",
        "protocol",
        "likelihood_protocol",
        "truth_protocol",
    ),
}
# Of no stage: data that is drawn from this density holds it as a part of its own, the
# commands `mcmc` and `gallery` are tracked nowhere, and neither a sweep nor an iterated
# fitting is a setting of its jobs.
_UNREAD = {"density", "mcmc", "gallery", "multirun", "iterate"}


def of_stage(
    config: Mapping[str, Any],
    stage: str,
    choices: Mapping[str, str] = MappingProxyType({}),
    swept: Iterable[str] = (),
) -> dict[str, str]:
    """The parameters that `stage` logs: short names first, then all other values.

    Args:
        choices: the names of the parts, `{"schedule": "cosine"}`.
        swept: keys that take a short name, since a sweep varies them.
    """
    values = flat({key: config[key] for key in config if _is_of(key, stage)})
    named = {key: name for key, name in choices.items() if _is_of(key, stage)}
    short = {key: values[key] for key in (*SHORT, *swept) if key in values}
    rest = {key: value for key, value in values.items() if key not in short}
    return {**named, **short, **below(rest)}


def _is_of(key: str, stage: str) -> bool:
    """Whether a section of the configuration, or a part, is logged by `stage`."""
    if stage in SECTIONS:
        return key in SECTIONS[stage]
    later = {section for sections in SECTIONS.values() for section in sections}
    return stage == "train" and key not in later | _UNREAD


def below(params: Mapping[str, str]) -> dict[str, str]:
    """Parameters under names that stand at the end of a list."""
    return {name(f"{REST}{key}"): value for key, value in params.items()}


def whole(params: Mapping[str, str]) -> dict[str, str]:
    """All parameters of a run under the keys of the configuration."""
    return {key.removeprefix(REST): value for key, value in params.items()}


def section_of(key: str) -> str:
    """The section of the configuration that a parameter is of."""
    return key.removeprefix(REST).split(".")[0]


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys and text values, ready for MLflow; passwords in addresses are hidden."""
    return {name(key): shortened(redacted(value)) for key, value in _leaves(tree, prefix)}


def _leaves(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and (value or not key):
        for inner, item in value.items():
            yield from _leaves(item, f"{key}.{inner}" if key else str(inner))
    elif isinstance(value, str):
        yield key, value
    elif isinstance(value, Sequence) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{key}.{index}")
    else:
        yield key, json.dumps(value, default=str)


def name(key: str) -> str:
    """`key` with only the characters that MLflow takes."""
    return re.sub(r"[^\w\-. /:]", "_", key)[:MAX_KEY]


def shortened(value: str, limit: int = MAX_VALUE) -> str:
    """`value`, or its beginning and its true length; the whole is in the configuration."""
    if len(value) <= limit:
        return value
    note = f"... ({len(value)} characters)"
    return value[: limit - len(note)] + note
