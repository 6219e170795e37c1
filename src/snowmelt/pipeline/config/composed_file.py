"""Reading back the one configuration file that the stage compose wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.public_names import with_current_keys
from snowmelt.pipeline.config import environment_values, settings
from snowmelt.pipeline.config.composition import frozen, project_root
from snowmelt.pipeline.config.overrides import OPTIONAL, groups
from snowmelt.pipeline.config.read_places import check_data_apart

INSIDE = ("grid", "threshold")  # groups whose files become a part of the sampler


def load(path: Path) -> DictConfig:
    """Read a configuration that the stage compose wrote.

    Raises:
        UserError: the file is missing or not a configuration, or a value is refused.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: run `snowmelt compose` (or `dvc repro`) first")
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(plain, dict) or "paths" not in plain:
        raise UserError(f"{path} is not a composed configuration: run `snowmelt compose`")
    plain = with_current_keys(plain)
    environment_values.refuse(str(path), plain)
    root = project_root()
    known = groups(root)
    _check_keys(path, plain, list(dict.fromkeys([*settings.defaults(), *known])))
    whole = {**settings.defaults(), **plain}
    for part in known:
        if part not in (*OPTIONAL, *INSIDE):
            _check_part(path, part, whole)
    _check_paths(path, whole["paths"], OmegaConf.load(root / "conf/paths/default.yaml"))
    merged = OmegaConf.merge(settings.defaults(), plain)
    texts: Any = OmegaConf.to_container(merged)
    try:
        resolved: Any = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} does not resolve: {reason}") from error
    settings.check(str(path), resolved)
    settled = frozen(environment_values.withheld(resolved, texts))
    check_data_apart(settled, root)
    return settled


def _check_keys(path: Path, plain: Mapping[str, Any], known: list[str]) -> None:
    """Refuse a composed file with a key at its top that conf/ and the sections lack."""
    for key in plain:
        if key not in known:
            meant = did_you_mean(str(key), known)
            raise UserError(
                f"{path}: unknown key '{key}'{meant}. Known keys: {', '.join(known)}"
            )


def _check_part(path: Path, part: str, whole: Mapping[str, Any]) -> None:
    if part not in whole:
        raise UserError(f"{path} lacks '{part}': run `snowmelt compose` to write it anew")
    if not isinstance(whole[part], dict):
        raise UserError(f"{path}: {part} must be a mapping, got {whole[part]!r}")


def _check_paths(path: Path, paths: Mapping[str, Any], known: Any) -> None:
    for name in known:
        if not isinstance(paths.get(name), str):
            raise UserError(
                f"{path}: paths.{name} must name a place, got {paths.get(name)!r}: run"
                " `snowmelt compose` to write it anew"
            )
