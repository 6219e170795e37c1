"""What a configuration says about tracking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.instantiate import resolved
from snowmelt.tracking.choices import label
from snowmelt.tracking.location import locate
from snowmelt.tracking.provenance import given_tags
from snowmelt.tracking.settings import TrackingSettings

Config = Mapping[str, Any]  # the whole configuration, as plain values


def check(config: Config, root: Path) -> None:
    """Refuse an address where no store can be, before a command does anything.

    Raises:
        UserError: with what is wrong with it.
    """
    if not is_disabled(config):
        locate(settings_of(config), root)
        given_tags()


def name_of(config: Config) -> str:
    """The configured name, else the names of data, schedule and prediction."""
    if config.get("name"):
        return str(config["name"])
    parts = [label(config.get(group)) for group in ("data", "schedule", "prediction")]
    return " ".join(part for part in parts if part) or "snowmelt"


def is_disabled(config: Config) -> bool:
    """Whether tracking is switched off, or another process of this run tracks."""
    ranks = (os.environ.get(variable, "0") for variable in ("RANK", "LOCAL_RANK"))
    return not settings_of(config).enabled or any(r != "0" for r in ranks)


def settings_of(config: Config) -> TrackingSettings:
    """The section `tracking`; what it takes from the environment is asked for here, so
    that no password is among the values that are tracked.

    Raises:
        UserError: a variable is not set, or a value is refused.
    """
    if "tracking" not in config:
        return TrackingSettings.of({"enabled": False})
    return TrackingSettings.of(resolved(config, "tracking"))
