"""Reading back the one configuration file that the stage compose wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.files import require
from snowmelt.common.public_names import with_current_keys
from snowmelt.common.yaml_files import read_yaml
from snowmelt.pipeline.config import environment_values, references, schema, settings
from snowmelt.pipeline.config.composition import frozen, project_root
from snowmelt.pipeline.config.conf_files import body_of
from snowmelt.pipeline.config.overrides import OPTIONAL, groups
from snowmelt.pipeline.config.read_places import check_data_apart

INSIDE = ("grid", "threshold")  # groups whose files become a part of the sampler


def load(path: Path) -> DictConfig:
    """Read a configuration that the stage compose wrote.

    Raises:
        UserError: the file is missing or not a configuration, or a value is refused.
    """
    if path.is_dir():
        raise UserError(
            f"{path} is a folder: name the file that `snowmelt compose` wrote, such as"
            " outputs/config.yaml"
        )
    require(path, made_by="compose")
    plain = read_yaml(path)
    if not isinstance(plain, dict) or "paths" not in plain:
        raise UserError(f"{path} is not a composed configuration: run `snowmelt compose`")
    plain = with_current_keys(plain)
    references.check_form(plain, str(path))
    environment_values.refuse(str(path), plain)
    root = project_root()
    known = groups(root)
    _check_keys(path, plain, list(dict.fromkeys([*settings.defaults(), *known])))
    for part in known:
        if part not in (*OPTIONAL, *INSIDE, *settings.defaults()) and part not in plain:
            raise UserError(
                f"{path} lacks '{part}': run `snowmelt compose` to write it anew"
            )
    _check_paths(path, plain["paths"], body_of(root / "conf/paths/default.yaml"))
    # A file of an earlier version lacks keys that have defaults by now.
    texts = merge(settings.defaults(), plain)
    try:
        references.check_computed(texts)
        resolved = references.resolved_values(OmegaConf.create(texts))
        schema.check(resolved)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    settled = frozen(environment_values.withheld(resolved, texts))
    check_data_apart(settled, root)
    return settled


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings as one; a value of the second stands where both have one."""
    both = {
        key: merge(base[key], value)
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        else value
        for key, value in over.items()
    }
    return {**base, **both}


def _check_keys(path: Path, plain: Mapping[str, Any], known: list[str]) -> None:
    """Refuse a composed file with a key at its top that conf/ and the sections lack."""
    for key in plain:
        if key not in known:
            meant = did_you_mean(str(key), known)
            raise UserError(
                f"{path}: unknown key '{key}'{meant}. Known keys: {', '.join(known)}"
            )


def _check_paths(path: Path, paths: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(paths, Mapping):
        raise UserError(f"{path}: paths must be a mapping, got {paths!r}")
    for name in paths:
        if name not in known:
            meant = did_you_mean(str(name), known)
            raise UserError(
                f"{path}: unknown key 'paths.{name}'{meant}. Known keys of paths:"
                f" {', '.join(known)}"
            )
    for name in known:
        if not isinstance(paths.get(name), str):
            raise UserError(
                f"{path}: paths.{name} must name a place, got {paths.get(name)!r}: run"
                " `snowmelt compose` to write it anew"
            )
