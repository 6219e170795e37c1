"""What `snowmelt iterate` reads beside the settings of a training."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from snowmelt.common.section import Section


class IterateSettings(Section):
    """The section `iterate`: flows that learn from the pairs of each other."""

    key: ClassVar[str] = "iterate"
    count: int = Field(5, ge=1, le=1000, description="Iterations, each of them a training.")
    alternates: bool | None = Field(
        None,
        description="Whether every second iteration goes back, from the data to the starts;"
        " iteration=dsbm and iteration=reflow say it.",
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="Optimiser steps of each iteration that starts from the weights of"
        " another; null for those of the first (training.steps).",
    )
    pairs: int | None = Field(
        None,
        ge=4,
        le=100_000_000,
        description="Pairs that an iteration draws for the next; null for one from each"
        " training start.",
    )
    reports: bool = Field(True, description="Draw a report of each iteration.")
