"""sync: what waits for the tracking store is shown and sent."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig
from tqdm import tqdm

from snowmelt.common.instantiate import plain
from snowmelt.tracking import open_sync
from snowmelt.tracking.remains import Remains


def run(config: DictConfig, root: Path) -> int:
    """Send all that waits, and say what remains; returns 1 if something does, else 0.

    Raises:
        UserError: there can be no store at the address, or tracking is off.
    """
    sync = open_sync(plain(config), root)
    sync.begin()
    waiting = sync.remains()
    for one in waiting:
        print(_described(one))
    problems: list[str] = []
    if waiting:
        total = sum(one.operations + one.files for one in waiting)
        with tqdm(total=total, desc="sync", unit="operation", file=sys.stderr) as bar:
            problems = sync.send(bar.update)
    for problem in problems:
        print(f"sync: {problem}", file=sys.stderr)
    left, elsewhere = sync.remains(), sync.remains_elsewhere()
    for one in left:
        print(f"remains: {_described(one)}", file=sys.stderr)
    for store, others in elsewhere.items():
        print(
            f"remains: {len(others)} of another store: MLFLOW_TRACKING_URI={store}"
            " snowmelt sync",
            file=sys.stderr,
        )
    if not (left or elsewhere):
        print(f"sync: {sync.address} has everything")
    return int(bool(left or elsewhere))


def _described(one: Remains) -> str:
    """One run's remains in a line."""
    parts = [f"{one.operations} operations, {one.files} files wait"]
    parts += [f"refused {name} ({reason})" for name, reason in one.refused]
    parts += [f"refused: {reason}" for reason in one.rejected]
    return f"{one.record.name} ({one.folder}): {'; '.join(parts)}"
