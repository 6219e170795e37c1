"""What decides a job of a sweep, and each stage that jobs share: a digest of it names both.

A job that was run before, in whatever sweep, lies in the folder of that name. It is decided
by the settings, but those of places and observers; by the raw data, whose files are told by
their names, sizes and times; and by the code and the libraries that compute.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from snowmelt.common.code_identity import code_digest
from snowmelt.common.instantiate import plain
from snowmelt.common.made_folders import is_inside
from snowmelt.common.places import located
from snowmelt.common.records import content_digest
from snowmelt.pipeline.config.read_places import places_of
from snowmelt.training.settings import FitSettings

# Sections that change no number of a job.
IDLE = (
    "paths", "tracking", "multirun", "name", "data_path", "density", "mcmc", "gallery",
    "experiment", "sweep", "iteration", "iterate",
)  # fmt: skip
CODE = (
    "common",
    "data",
    "densities",
    "diffusion",
    "evaluation",
    "nets",
    "sampling",
    "training",
    "pipeline/stages",
)
LIBRARIES = ("numpy", "torch")
LETTERS = 12  # of a digest, in the name of a folder


def of_job(config: DictConfig, root: Path) -> str:
    """The digest of a job."""
    settings = {k: v for k, v in plain(config).items() if k not in IDLE}
    settings["sample"] = dict(settings["sample"])
    checkpoint = located(root, settings["sample"].pop("checkpoint"))
    found: dict[str, Any] = {"settings": settings}
    if not is_inside(checkpoint, root / config.paths.model):
        found["checkpoint"] = [*_traces(checkpoint)]
    return _digest(found, settings, root)


def of_stage(stage: str, config: DictConfig, root: Path) -> str:
    """The digest of what a stage makes, of those that jobs may share."""
    settings = read_by(stage, plain(config))
    return _digest({"stage": stage, "settings": settings}, settings, root)


def read_by(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """All settings that decide what a stage makes, those of the stages before it too."""
    found = {"data": config["data"]}
    if stage == "reference":
        found["features"] = config["features"]
    if stage == "train":
        found |= FitSettings.of(config).plain()
    return found


def _digest(content: Mapping[str, Any], settings: Mapping[str, Any], root: Path) -> str:
    read = {
        key: [*_traces(located(root, named))]
        for section in settings
        for key, named in places_of(settings, section)
    }
    return content_digest({**content, "files": read, "by": _made_by()})


@functools.cache
def _made_by() -> dict[str, str]:
    """The code and the libraries of this process."""
    return {"code": code_digest(CODE)} | {name: version(name) for name in LIBRARIES}


def _traces(place: Path) -> Iterator[tuple[str, int, int]]:
    """What tells whether files have changed, without reading them."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    for file in files:
        if file.is_file():
            state = file.stat()
            yield str(file.relative_to(place)), state.st_size, state.st_mtime_ns
