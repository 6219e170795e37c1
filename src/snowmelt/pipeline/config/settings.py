"""All declared keys of the configuration: what they are, unless a file or a person says so.

conf/ chooses parts and joins keys to each other; what a section's class declares stands
there alone, and Hydra composes on top of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from pydantic import ConfigDict, Field

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.places import Place
from snowmelt.common.section import Section, Seed, Text, fields_of, kind_of
from snowmelt.evaluation.settings import (
    EvaluationSettings,
    LikelihoodSettings,
    MCMCSettings,
)
from snowmelt.pipeline.config.iterate_settings import IterateSettings
from snowmelt.pipeline.config.multirun_settings import MultirunSettings
from snowmelt.sampling.settings import SampleSettings
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.training.settings import DenoiserSettings, TrainerSettings, TrainingSettings
from snowmelt.viz.density_gallery.settings import GallerySettings

NODE = "settings"  # what the defaults list of conf/config.yaml calls them


class Settings(Section):
    """The declared part of a configuration; parts with a `_target_` are left aside."""

    model_config = ConfigDict(extra="ignore")
    name: Text | None = Field(
        None,
        description="Name of the experiment in MLflow and in the report; null takes the"
        " data's.",
    )
    seed: Seed = Field(
        0,
        description="Of the initial weights, the order of the data, and the noise of"
        " training and of sampling.",
    )
    data_path: Place = Field(
        "data/raw", description="Raw data of data=folder and data=array; DVC watches it."
    )
    denoiser: DenoiserSettings = DenoiserSettings()
    training: TrainingSettings = TrainingSettings()
    sample: SampleSettings = SampleSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    likelihood: LikelihoodSettings = LikelihoodSettings()
    mcmc: MCMCSettings = MCMCSettings()
    gallery: GallerySettings = GallerySettings()
    trainer: TrainerSettings = TrainerSettings()
    tracking: TrackingSettings = TrackingSettings()
    multirun: MultirunSettings = MultirunSettings()
    iterate: IterateSettings = IterateSettings()


def defaults() -> dict[str, Any]:
    return Settings().plain()


def register() -> None:
    """Let Hydra find the defaults, under the name that conf/config.yaml uses."""
    ConfigStore.instance().store(name=NODE, node=defaults())


def explained(values: Mapping[str, Any], wanted: Sequence[str] = ()) -> str:
    """Every declared key: its value, what it may be, its default and what it means.

    Args:
        wanted: sections or keys to show; all, if there is none.

    Raises:
        UserError: there is no such section or key.
    """
    declared = dict(fields_of(Settings))
    known = {part for key in declared for part in (key, key.rpartition(".")[0]) if part}
    for name in wanted:
        if name not in known:
            tops = ", ".join(dict.fromkeys(key.partition(".")[0] for key in declared))
            raise UserError(
                f"no settings '{name}'{did_you_mean(name, known)}: there are {tops}"
            )
    lines = []
    for key, field in declared.items():
        if wanted and not any(key == name or key.startswith(f"{name}.") for name in wanted):
            continue
        value = values
        for part in key.split("."):
            value = value[part]
        lines.append(
            f"{key} = {_shown(value)}  ({kind_of(field)}; default {_shown(field.default)})"
        )
        lines += textwrap.wrap(
            str(field.description), 88, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines)


def _shown(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    return (
        yaml.safe_dump(plain, default_flow_style=True, width=1000)
        .removesuffix("...\n")
        .strip()
    )
