"""Which stages a job of a sweep runs itself.

A sweep makes what several jobs have in common once, before them, and tells each job by a
variable what is left for it to do. A job's configuration that is run again by hand does
everything.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from snowmelt.pipeline.command_line import STAGES

VARIABLE = "SNOWMELT_JOB_STAGES"


def of_this_job() -> list[str]:
    """The stages of the pipeline in this process, in their order: all, unless told so."""
    named = os.environ.get(VARIABLE)
    return [stage for stage in STAGES if named is None or stage in named.split(",")]


def told_without(left_out: Collection[str]) -> dict[str, str]:
    """The variable that leaves stages out of a job."""
    return {VARIABLE: ",".join(stage for stage in STAGES if stage not in left_out)}
