"""Turns the resolved configuration into MLflow parameters.

A parameter is a dotted key and a text of bounded length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from snowmelt.tracking.address import redacted

MAX_VALUE = 6000  # MLflow cuts longer values
MAX_KEY = 250

# A parameter belongs to the stage that reads it: it is logged when that stage has finished,
# so that one run never holds two values of one parameter. Training logs all the others.
SECTIONS = {
    "sample": ("sampler", "sample", "guidance"),
    "evaluate": (
        "evaluation",
        "likelihood",
        "protocol",
        "likelihood_protocol",
        "truth_protocol",
    ),
}
# Of no stage: data that is drawn from this density holds it as a part of its own, the
# commands `mcmc` and `gallery` are tracked nowhere, and a sweep is no setting of its jobs.
_UNREAD = {"density", "mcmc", "gallery", "multirun"}


def of_stage(config: Mapping[str, Any], stage: str) -> dict[str, str]:
    """The flat parameters of the sections that `stage` logs."""
    later = {section for sections in SECTIONS.values() for section in sections}
    own = SECTIONS.get(stage, ()) if stage != "train" else set(config) - later - _UNREAD
    return flat({key: value for key, value in config.items() if key in own})


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
