"""What a sweep reads beside the values that it goes through."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from snowmelt.common.section import Section, Text

Lines = Annotated[tuple[Text, ...], Field(strict=False, max_length=1000)]


class MultirunSettings(Section):
    """The section `multirun`: jobs of a sweep, and how they are compared."""

    key: ClassVar[str] = "multirun"
    jobs: Lines = Field(
        (),
        description="Jobs whose keys belong together, a line of overrides as typed:"
        " 'sampler=ddim sampler.steps=10,20'. Commas multiply out; a key that is typed goes"
        " before that of a line.",
    )
    reports: bool = Field(
        True, description="Draw a report of each job, beside that of their comparison."
    )
    margin: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Largest difference of equivalent samplers, as a share of the distance"
        " of the first job.",
    )
