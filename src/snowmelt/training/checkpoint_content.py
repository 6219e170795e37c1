"""What the file of a checkpoint may hold, told before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from snowmelt.common.tensor_files import check_plain
from snowmelt.training.weight_sets.power_average import LONGEST

BUILT_FROM = {"schedule", "process", "prediction", "net"}
_SECTIONS = (*sorted(BUILT_FROM), "denoiser", "optimizer", "training", "trainer")
KINDS = {
    "identity": str,
    "step": int,
    "config": dict,
    "manifest": dict,
    "raw": dict,
    "ema": dict,
    "schedule": dict,
}


def check_content(content: Mapping[str, Any], size: int) -> None:
    """Raise ValueError where the parts of a file are not of the kind that `save` writes.

    Args:
        size: of the file, in bytes.
    """
    for name, kind in KINDS.items():
        if not isinstance(content[name], kind):
            found = type(content[name]).__name__
            raise ValueError(f"its {name} is a {found}, not a {kind.__name__}")
    for name in ("config", "manifest"):
        check_plain(content[name], name)
    lineage = content.get("lineage", [])
    check_plain(lineage, "lineage")
    if not isinstance(lineage, list) or not all(_is_ancestor(one) for one in lineage):
        raise ValueError("its lineage is no list of trainings with identity and step")
    lacking = sorted(BUILT_FROM - content["config"].keys())
    if lacking:
        named = ", ".join(f"config.{name}" for name in lacking)
        raise ValueError(f"it is incomplete and lacks {named}")
    for key in _SECTIONS:
        if not isinstance(content["config"].get(key, {}), dict):
            raise ValueError(f"its config.{key} is no section")
    if "start" in content:
        check_plain(content["start"], "start")
    if not isinstance(content.get("has_score", True), bool):
        raise ValueError(f"its has_score is {content['has_score']!r}, not true or false")
    sets = {name: content[name] for name in ("raw", "ema", "schedule")}
    needed = sum(_size(name, found) for name, found in (sets | _further(content)).items())
    if not isinstance(content.get("seconds"), float | None):
        raise ValueError(f"its seconds are {content['seconds']!r}, not a number")
    if needed > size:
        raise ValueError(f"its weights take {needed} bytes, and the file has {size}")
    if (largest := _largest(content["config"]["net"])) > size:
        raise ValueError(f"its config.net asks for {largest} of something")


def _is_ancestor(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("identity"), str)
        and isinstance(one.get("step"), int)
    )


def _further(content: Mapping[str, Any]) -> dict[str, Any]:
    """The weights of further averages and of snapshots, by what they are."""
    further, snapshots = content.get("further", {}), content.get("snapshots", [])
    if not isinstance(further, dict) or not isinstance(snapshots, list):
        raise ValueError("its averages are no mapping, or its snapshots no list")
    numbers = ("sigma_rel", "place")
    for one in snapshots:
        is_whole = isinstance(one, dict) and {"weights", *numbers} <= one.keys()
        if not is_whole or not all(isinstance(one[key], float) for key in numbers):
            raise ValueError("one of its snapshots is incomplete")
        if _shapes(one["weights"]) != _shapes(content["ema"]):
            raise ValueError("one of its snapshots has other weights than its average")
        if not 0 < one["sigma_rel"] < LONGEST or not 0 < one["place"] < math.inf:
            raise ValueError("one of its snapshots has a length or place that is none")
    return {
        **{f"average of decay {decay}": found for decay, found in further.items()},
        **{f"snapshot {k}": one["weights"] for k, one in enumerate(snapshots)},
    }


def _shapes(weights: Any) -> dict[Any, Any]:
    found = weights.items() if isinstance(weights, dict) else ()
    return {name: getattr(value, "shape", None) for name, value in found}


def _size(name: str, weights: Any) -> int:
    """The bytes of a set of weights that is named `name` in messages."""
    if not isinstance(weights, dict):
        raise ValueError(f"its {name} is no mapping")
    for key, value in weights.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise ValueError(f"its {name} holds something else than named tensors")
        if value.is_complex():
            raise ValueError(f"its {name} holds complex numbers as {key}")
    return sum(value.numel() * value.element_size() for value in weights.values())


def _largest(value: Any) -> float:
    """The largest number in a part of a configuration."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return max(map(_largest, inner), default=0)
    return value if isinstance(value, int | float) else 0
