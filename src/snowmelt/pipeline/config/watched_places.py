"""Under DVC: whatever a stage reads is watched, and what it writes is kept, or refused.

DVC looks at what dvc.yaml names and at nothing else. A file that a stage reads all the same
could change without any stage running again, and the results would be stale in silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from snowmelt.common.errors import UserError
from snowmelt.common.made_folders import is_inside
from snowmelt.common.places import located, not_copied
from snowmelt.pipeline.config.overrides import PARAMS
from snowmelt.pipeline.config.read_places import places_of

PIPELINE = "dvc.yaml"
_WITHOUT = "run without DVC: `snowmelt pipeline ... out=DIR`"


def is_run_by_dvc() -> bool:
    """Whether DVC started this process for a stage."""
    return "DVC_STAGE" in os.environ


def check(config: Mapping[str, Any], root: Path) -> None:
    """Refuse a configuration that lets a stage read or write what dvc.yaml does not name.

    Args:
        config: the whole configuration, composed.
        root: the project's, with dvc.yaml.

    Raises:
        UserError: a file or folder is not watched, is not there, or is no output.
    """
    stages = yaml.safe_load((root / PIPELINE).read_text(encoding="utf-8"))["stages"]
    params = yaml.safe_load((root / PARAMS).read_text(encoding="utf-8")) or {}
    outs = [root / _named(out) for stage in stages.values() for out in _outs(stage)]
    _check_written(config["paths"], outs, root)
    for name, stage in stages.items():
        deps = [_filled(_named(dep), params) for dep in stage.get("deps", [])]
        for section in _sections(stage):
            for key, named in places_of(config, section):
                _check_read(key, named, name, deps, outs, root)


def _check_read(
    key: str, named: str, stage: str, deps: list[str], outs: list[Path], root: Path
) -> None:
    place = located(root, named)
    if not any(is_inside(place, root / dep) for dep in deps):
        homes = [dep for dep in deps if dep.startswith("~")]
        cure = f"DVC takes no ~: write {located(root, homes[0])}" if homes else _cure(key)
        raise UserError(
            f"{key}: {place} is not watched by DVC, which would not notice a change of it:"
            f" {cure}, name it under deps of {stage} in {PIPELINE}, or {_WITHOUT}"
        )
    if not place.exists() and not any(is_inside(place, out) for out in outs):
        raise UserError(f"{key}: {place} does not exist{not_copied(place)}")


def _cure(key: str) -> str:
    if key == "data.path":
        return f"set data_path in {PARAMS} to it (a folder is watched with all in it)"
    if key.startswith(("data.", "start.of.")):
        return f"put it into the folder that data_path in {PARAMS} names"
    return "leave the key as it is"


def _check_written(paths: Mapping[str, str], outs: list[Path], root: Path) -> None:
    if (root / paths["root"]).resolve() != root.resolve():
        raise UserError(
            f"paths.root: {root / paths['root']} is not what DVC keeps: leave it out, or"
            f" {_WITHOUT}"
        )
    for name, named in paths.items():
        place = root / named
        if not any(is_inside(out, place) or is_inside(place, out) for out in outs):
            raise UserError(
                f"paths.{name}: {place} is no output in {PIPELINE}: leave it out, or"
                f" {_WITHOUT}"
            )


def _sections(stage: Mapping[str, Any]) -> Iterator[str]:
    """The parts of the composed configuration that a stage says that it reads."""
    for entry in stage.get("params", []):
        if isinstance(entry, Mapping):
            for keys in entry.values():
                yield from keys or ()  # none for all of a file


def _outs(stage: Mapping[str, Any]) -> Iterator[Any]:
    for kind in ("outs", "metrics", "plots"):
        yield from stage.get(kind, [])


def _named(entry: Any) -> str:
    """The path of an entry, which may be a mapping with options for it."""
    return str(next(iter(entry)) if isinstance(entry, Mapping) else entry)


def _filled(dep: str, params: Mapping[str, Any]) -> str:
    """A path of dvc.yaml with the keys of params.yaml that it refers to."""
    return re.sub(r"\$\{(\w+)\}", lambda found: str(params.get(found[1], "")), dep)
