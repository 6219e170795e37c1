"""What the stage sample reads: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from snowmelt.common.places import Place
from snowmelt.common.section import Device, Section, Seed
from snowmelt.training.weight_sets.names import Weights


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
    weights: Weights = Field(
        "ema",
        description="ema, the average of the weights; raw, the last ones; ema_0.999, a"
        " further average (training.ema.further); posthoc_0.05, an average of this length"
        " (training.ema.snapshots).",
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
