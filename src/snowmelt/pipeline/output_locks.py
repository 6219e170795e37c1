"""Which folders a command writes, and that no other command writes there meanwhile.

Ranks of a group work under the lock of the process that started them, and stages in a row
under that of their pipeline. DVC deletes a stage's outputs before it starts the stage, so a
lock of ours would come too late: DVC is told in its own book of locks, too.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from omegaconf import DictConfig

from snowmelt.common import distributed, stopping
from snowmelt.common.errors import UserError
from snowmelt.common.folder_lock import only_one_in
from snowmelt.pipeline import job_stages

# The keys of `paths` that a stage writes.
WRITTEN = {
    "compose": ("config",),
    "prepare": ("prepared",),
    "reference": ("reference",),
    "train": ("model",),
    "sample": ("samples",),
    "evaluate": ("evaluation", "reports"),
    "report": ("reports",),
}
BY_DVC = "DVC_STAGE"  # which DVC sets for the stages that it runs


def written_by(command: str, config: DictConfig, root: Path) -> list[Path]:
    """The files and folders that a stage, or the pipeline in this process, writes."""
    stages = job_stages.of_this_job() if command == "pipeline" else [command]
    names = dict.fromkeys(name for stage in stages for name in WRITTEN[stage])
    return [root / str(config.paths[name]) for name in names]


@contextlib.contextmanager
def only_command_in(places: Iterable[Path], command: str, root: Path) -> Iterator[None]:
    """Hold the locks of all places that a command writes.

    Raises:
        UserError: another command, or DVC, works in one of them.
    """
    if distributed.rank() > 0 or distributed.STARTED in os.environ:
        yield
        return
    work, resolved = f"snowmelt {command}", sorted({place.resolve() for place in places})
    with contextlib.ExitStack() as stack:
        for place in resolved:
            stack.enter_context(
                only_one_in(place, work, otherwise="name another folder by out=DIR")
            )
        stack.enter_context(_only_one_in_workspace(resolved, work, root))
        yield


@contextlib.contextmanager
def _only_one_in_workspace(places: list[Path], work: str, root: Path) -> Iterator[None]:
    """Tell DVC what is written in its workspace; it refuses others meanwhile, and us.

    DVC has told of its stages itself, and the jobs of a sweep lie where it writes nothing.
    """
    inside = [os.fspath(place) for place in places if place.is_relative_to(root)]
    is_told = BY_DVC in os.environ or stopping.STARTER in os.environ
    if not inside or is_told or not (root / ".dvc").is_dir():
        yield
        return
    from dvc.exceptions import DvcException
    from dvc.fs import localfs
    from dvc.rwlock import rwlock

    notes = root / ".dvc" / "tmp"
    with contextlib.ExitStack() as stack:
        try:
            notes.mkdir(exist_ok=True)
            stack.enter_context(rwlock(os.fspath(notes), localfs, work, [], inside, False))
        except DvcException as error:
            who = re.search(r"\(PID (\d+)\): (.*)", str(error))
            said = f"process {who[1]}, `{who[2]}`" if who else " ".join(str(error).split())
            raise UserError(
                f"{root}: DVC works there ({said}): wait until it is done, end it, or name"
                " another folder by out=DIR"
            ) from error
        yield
