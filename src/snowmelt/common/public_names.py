"""The public names of the package, and those of before that old checkpoints still use.

A configuration, and the checkpoint that keeps it, names a class by its public name, such as
`snowmelt.schedules.Cosine`: the part of the package that a user knows, and the class. Which
file holds the class is nobody's business outside, so a file may move without making a
checkpoint unreadable. In Python the same names work: `import snowmelt as sm`, and then
`sm.schedules.Cosine()`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

# A public part -> the package or module that holds its classes.
PARTS = {
    "data": "snowmelt.data",
    "densities": "snowmelt.densities",
    "features": "snowmelt.evaluation.features",
    "grids": "snowmelt.sampling.samplers.grids",
    "guidance": "snowmelt.sampling.guidance",
    "likelihood": "snowmelt.evaluation.likelihood",
    "losses": "snowmelt.diffusion.losses",
    "nets": "snowmelt.nets",
    "predictions": "snowmelt.diffusion.predictions",
    "processes": "snowmelt.diffusion.processes",
    "samplers": "snowmelt.sampling.samplers",
    "schedules": "snowmelt.diffusion.schedules",
    "thresholds": "snowmelt.sampling.samplers.thresholds",
    "time_sampling": "snowmelt.diffusion.time_sampling",
}
# Modules that checkpoints and manifests of earlier versions name -> the public part. Where
# the first word after `snowmelt.` was the part already, no entry is needed.
MOVED = {
    "snowmelt.samplers.grids": "grids",
    "snowmelt.samplers.thresholds": "thresholds",
    "snowmelt.times": "time_sampling",
}


def part(name: str) -> ModuleType:
    """The module that holds the classes of a public part.

    Raises:
        AttributeError: there is no such part.
    """
    if name not in PARTS:
        raise AttributeError(f"snowmelt has no public part {name}: {', '.join(PARTS)}")
    return importlib.import_module(PARTS[name])


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
    return getattr(part(found), name)
