"""What the stage sample reads: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from snowmelt.common.places import Place
from snowmelt.common.section import Device, Section, Seed
from snowmelt.data.prepared.start_points import Part
from snowmelt.training.weight_sets.names import Weights

Precision = Literal["32-true", "bf16-mixed"]


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
    starts: Part = Field(
        "held_out",
        description="Part of the prepared starts that is carried to the data; training: the"
        " pairs of start and sample are for another flow to learn from (coupling=paired).",
    )
    precision: Precision = Field(
        "32-true",
        description="Numbers that the network computes in; bf16-mixed keeps weights, states"
        " and coefficients in float32. Another one rounds differently: other samples.",
    )
    compile: bool = Field(
        False,
        description="Compile the network (torch.compile), which needs a C++ compiler here:"
        " a word is said where it is left out. It pays for many samples.",
    )
    png: Annotated[int, Field(ge=0, le=100_000_000)] | Literal["all"] = Field(
        0,
        description="Images that are also written as PNG files, in zip files of 10,000"
        " beside samples.npy: the first ones, or all.",
    )
    checkpoint: Place = Field(
        "outputs/model/model.ckpt",
        description="File of the trained model; the configuration takes its folder from"
        " `paths.model`.",
    )
    device: Device = Field(
        "auto", description="Device as torch names it; auto is a GPU where there is one."
    )
