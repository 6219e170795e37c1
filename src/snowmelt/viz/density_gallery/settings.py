"""What `snowmelt gallery` reads: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from snowmelt.common.places import Place
from snowmelt.common.section import Section, Text


class GallerySettings(Section):
    """The section `gallery`: the size of every animation and picture of a density."""

    key: ClassVar[str] = "gallery"
    points: int = Field(1000, ge=1, le=1_000_000, description="Points of a cloud.")
    frames: int = Field(51, ge=2, le=1000, description="Frames of an animation, at most.")
    steps: int = Field(
        100, ge=2, le=100_000, description="Steps of a sampler, and of a drawn path."
    )
    cells: int = Field(
        120, ge=2, le=2000, description="Cells of a picture of a density, along an axis."
    )
    paths: int = Field(8, ge=1, le=1000, description="Paths that are drawn one by one.")
    chain_steps: int = Field(
        300, ge=1, le=1_000_000, description="Steps of a Markov chain in an animation."
    )
    seconds: float = Field(5.0, ge=0.1, le=3600, description="Duration of an animation.")
    starts_from: Text | None = Field(
        None,
        description=(
            "File of conf/density/, a mixture of normal distributions where the bridges"
            " begin; null for a standard normal distribution."
        ),
    )
    checkpoint: Place | None = Field(
        None,
        description="Model of points of the density, to show beside the exact one.",
    )
