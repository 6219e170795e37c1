"""Which process of a group this one is, by the variables that torchrun sets."""

from __future__ import annotations

import os

RANK_VARIABLES = (
    "RANK",
    "LOCAL_RANK",
    "GROUP_RANK",
    "ROLE_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "ROLE_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "PL_GLOBAL_SEED",
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
    "TORCHELASTIC_MAX_RESTARTS",
    "TORCHELASTIC_USE_AGENT_STORE",
)
# Set for processes that `snowmelt` itself started as a group: where they leave notes.
STARTED = "SNOWMELT_GROUP"


def is_main_process() -> bool:
    """Whether this process tells the user how the command ended.

    One process of a group does, unless the command started the group itself: then the one
    that waits for the group does.
    """
    return rank() == 0 and STARTED not in os.environ


def is_launched() -> bool:
    """Whether torchrun (or a cluster) has started this process as one of a group."""
    return "WORLD_SIZE" in os.environ


def rank() -> int:
    """The number of this process in its group; 0 without one."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """The number of this process on its machine; 0 without a group."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def world_size(wanted: int = 1) -> int:
    """The number of processes in the group: as launched, else as many as are wanted."""
    return int(os.environ.get("WORLD_SIZE", wanted))
