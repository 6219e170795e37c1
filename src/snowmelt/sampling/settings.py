"""What the stage sample reads: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from snowmelt.common.places import Place
from snowmelt.common.section import Device, Section, Seed


class SampleSettings(Section):
    """The section `sample`: how many samples of which weights, and where they are drawn."""

    key: ClassVar[str] = "sample"
    num_samples: int = Field(1000, ge=1, le=100_000_000, description="Samples to draw.")
    batch_size: int = Field(
        250,
        ge=1,
        le=1_000_000,
        description="Samples at once; it does not change the samples.",
    )
    weights: Literal["ema", "raw"] = Field(
        "ema", description="The average of the weights, or the last ones."
    )
    seed: Seed = Field(
        0, description="Of the noise; the configuration takes it from `seed`."
    )
    checkpoint: Place = Field(
        "outputs/model/model.ckpt",
        description="File of the trained model; the configuration takes its folder from"
        " `paths.model`.",
    )
    device: Device = Field(
        "auto", description="Device as torch names it; auto is a GPU where there is one."
    )
