"""The saved state of a training, from its first step until its model is in place for good.

DVC deletes what a stage made when the stage is killed between its last write and its entry
in dvc.lock. So under DVC a finished training keeps its state until the next stage has found
the model; from there it would end in the same bytes, in the same tracked run.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from snowmelt.common import distributed
from snowmelt.common.errors import UserError
from snowmelt.common.files import remove_directory
from snowmelt.common.folder_lock import only_one_in
from snowmelt.tracking.location import main_root


def folder_of(root: Path, identity: str) -> Path:
    """Where the state of the training `identity` lies."""
    return main_root(root) / ".snowmelt" / "resume" / identity[:16]


def only_training_from(state: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a saved state against an equal training elsewhere; the first process does.

    Raises:
        UserError: another process trains from it.
    """
    if distributed.rank() > 0:
        return contextlib.nullcontext()
    return only_one_in(
        state,
        "snowmelt train",
        otherwise="train something else: it has the same configuration, data and code",
    )


def forget(root: Path, identity: str) -> None:
    """Remove the state of a training whose model is in place, if none goes on from it."""
    state = folder_of(root, identity)
    if distributed.rank() == 0 and state.exists():
        with contextlib.suppress(UserError), only_training_from(state):
            # At once: half of it, without its run.json, would begin another tracked run.
            remove_directory(state)
