"""The public names of the package, and those of before that old checkpoints still use.

A configuration, and the checkpoint that keeps it, names a class by its public name, such as
`snowmelt.schedules.Cosine`: the part of the package that a user knows, and the class. Which
file holds the class is nobody's business outside, so a file may move without making a
checkpoint unreadable. In Python the same names work: `import snowmelt as sm`, and then
`sm.schedules.Cosine()`. A few names that every user needs stand beside the parts:
`sm.Denoiser`, `sm.sample`, `sm.load`, `sm.build`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

# A public part -> the package or module that holds its classes and functions.
PARTS = {
    "couplings": "snowmelt.training.couplings",
    "data": "snowmelt.data",
    "densities": "snowmelt.densities",
    "evaluation": "snowmelt.evaluation",
    "features": "snowmelt.evaluation.features",
    "grids": "snowmelt.sampling.samplers.grids",
    "guidance": "snowmelt.sampling.guidance",
    "interpolants": "snowmelt.diffusion.interpolants",
    "likelihood": "snowmelt.evaluation.likelihood",
    "losses": "snowmelt.diffusion.losses",
    "mcmc": "snowmelt.densities.mcmc",
    "nets": "snowmelt.nets",
    "operators": "snowmelt.diffusion.operators",
    "optimizers": "snowmelt.training.optimizers",
    "pipeline": "snowmelt.pipeline",
    "plane": "snowmelt.evaluation.plane",
    "predictions": "snowmelt.diffusion.predictions",
    "processes": "snowmelt.diffusion.processes",
    "randomness": "snowmelt.common.randomness",
    "samplers": "snowmelt.sampling.samplers",
    "schedules": "snowmelt.diffusion.schedules",
    "starts": "snowmelt.data.starts",
    "thresholds": "snowmelt.sampling.samplers.thresholds",
    "time_sampling": "snowmelt.diffusion.time_sampling",
    "tracking": "snowmelt.tracking",
    "trajectories": "snowmelt.sampling.trajectories",
    "viz": "snowmelt.viz",
}
# A public name that stands beside the parts -> the module that holds it.
NAMES = {
    "Checkpoint": "snowmelt.training.checkpoint",
    "Denoiser": "snowmelt.diffusion.denoiser",
    "build": "snowmelt.common.instantiate",
    "load": "snowmelt.training.checkpoint",
    "sample": "snowmelt.sampling.samplers",
}
# Modules that checkpoints and manifests of earlier versions name -> the public part. Where
# the first word after `snowmelt.` was the part already, no entry is needed.
MOVED = {
    "snowmelt.samplers.grids": "grids",
    "snowmelt.samplers.thresholds": "thresholds",
    "snowmelt.times": "time_sampling",
}
# Classes of a public part under the names of earlier versions -> today's.
RENAMED_CLASSES = {
    "features.Judge": "IndependentClassifier",
    "samplers.Gaussian": "DDIM",
}
# Keys of the configuration in earlier versions -> today's, in the same section.
RENAMED_KEYS = {
    "films": "gallery",
    "times": "time_sampling",
    "denoiser.label_dropout": "denoiser.p_uncond",
    "features.judge": "features.independent_classifier",
}


def part(name: str) -> ModuleType:
    """The module that holds the classes of a public part.

    Raises:
        AttributeError: there is no such part.
    """
    if name not in PARTS:
        raise AttributeError(f"snowmelt has no public part {name}: {', '.join(PARTS)}")
    return importlib.import_module(PARTS[name])


def public(name: str) -> Any:
    """What `snowmelt.<name>` stands for: a public part, or a name beside the parts.

    Raises:
        AttributeError: there is neither.
    """
    if name in NAMES:
        return getattr(importlib.import_module(NAMES[name]), name)
    if name not in PARTS:
        known = ", ".join(sorted({*PARTS, *NAMES}))
        raise AttributeError(f"snowmelt has no public name {name}: {known}")
    return part(name)


def find(target: str) -> Any:
    """What a dotted name stands for: a public name, one of before, or one in a module.

    Raises:
        ImportError: there is no such part and no such module.
        AttributeError: the part or module has nothing of that name.
    """
    place, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(place), name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise  # the module is there, and misses another package
    known = next((MOVED[old] for old in MOVED if f"{place}.".startswith(f"{old}.")), None)
    found = known or place.split(".")[1]
    if found not in PARTS:
        raise ModuleNotFoundError(f"there is no module {place}", name=place)
    return getattr(part(found), RENAMED_CLASSES.get(f"{found}.{name}", name))


def current_key(key: str) -> str:
    """Today's name of a dotted key of the configuration."""
    for old, new in RENAMED_KEYS.items():
        if f"{key}.".startswith(f"{old}."):
            return new + key[len(old) :]
    return key


def current_override(text: str) -> str:
    """An override `key=value` under today's key; the user is told of an earlier one."""
    key, separator, value = text.partition("=")
    current = current_key(key)
    if current != key:
        print(f"snowmelt: the key '{key}' is now called '{current}'", file=sys.stderr)
    return f"{current}{separator}{value}"


def with_current_keys(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A configuration, perhaps of an earlier version, under today's keys.

    Args:
        above: the dotted key of the section, ending in a dot; empty for the whole.
    """
    found = {}
    for key, value in config.items():
        current = current_key(f"{above}{key}")
        inner = isinstance(value, Mapping)
        found[current[len(above) :]] = (
            with_current_keys(value, f"{current}.") if inner else value
        )
    return found
