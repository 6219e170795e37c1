"""Reads runs back from the store, as values that need no MLflow.

    reader = RunReader(TrackingSettings(), root)
    for run in reader.runs():
        print(run.name, run.metrics.get("frechet_distance"))

A comparison of runs reads them here, whatever kind of store they are in. Reading creates no
store where there is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from snowmelt.common import public_names
from snowmelt.common.errors import UserError
from snowmelt.tracking import parameters
from snowmelt.tracking.location import locate
from snowmelt.tracking.opening import MLFLOW_ENVIRONMENT
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.tracking.store_errors import StoreRejection, StoreUnreachable
from snowmelt.tracking.waiting import bounded

if TYPE_CHECKING:
    from snowmelt.tracking.mlflow_store import Store

Answer = TypeVar("Answer")
READING_SECONDS = 60  # many runs have many pages
_EVALUATION = ("metrics.json", "evaluation")
_SHOWN_IDS = 5


@dataclass(frozen=True)
class PastRun:
    """A run as the store holds it.

    Attributes:
        run_id: the store's own name of it.
        name: for people.
        status: "FINISHED", "FAILED", "KILLED" or "RUNNING".
        seconds: from its opening to its last end, pauses between stages included; None
            while it runs.
        params: the configuration that the stages read, flat: `schedule._target_`, `seed`;
            and the names of its parts, `schedule`.
        metrics: the last value of each.
        tags: data, code, host, stages.
    """

    run_id: str
    name: str
    status: str
    seconds: float | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def value_or_class(self, key: str) -> str | None:
        """What the run's configuration had under `key`: a value, or the name of a part.

        `value_or_class("seed")` is "1" and `value_or_class("schedule")` is "cosine", or the
        class, "Cosine", where a run of an earlier version has no name of its parts. A run
        that had neither gives None.
        """
        if key in self.params:
            return self.params[key]
        part = self.params.get(f"{key}._target_")
        return part.rpartition(".")[2] if part else None


class RunReader:
    """The runs of one experiment in the tracking store.

    Args:
        settings: where; `MLFLOW_TRACKING_URI` wins over the address in it.
        root: what a relative address is relative to.

    Raises:
        UserError: the address is wrong, the store is not there or does not answer.
    """

    def __init__(self, settings: TrackingSettings, root: Path) -> None:
        location = locate(settings, root)
        if location.database is not None and not location.database.is_file():
            raise UserError(
                f"there is no tracking store {location.shown}: run a stage with"
                " tracking=mlflow first, or name another with MLFLOW_TRACKING_URI"
            )
        for variable, value in MLFLOW_ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        from snowmelt.tracking.mlflow_store import Store

        self._store: Store = Store(location)

    def runs(self) -> list[PastRun]:
        """All runs that are not deleted, oldest first."""
        found = self._ask(lambda store: store.runs())
        return [
            PastRun(
                run_id=str(run.info.run_id),
                name=str(run.info.run_name),
                status=str(run.info.status),
                seconds=_seconds(run.info.start_time, run.info.end_time),
                params={
                    public_names.current_key(key): value
                    for key, value in parameters.whole(run.data.params).items()
                },
                metrics=dict(run.data.metrics),
                tags=dict(run.data.tags),
            )
            for run in found
        ]

    def history(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """Every (step, value) of a metric by step; empty where the run never logged it.

        Raises:
            UserError: the run is not there, or the store does not answer.
        """

        def asked(store: Store) -> list[tuple[int, float]]:
            if store.run(run_id) is None:
                raise UserError(f"the tracking store has no run {run_id}")
            return sorted(store.history(run_id, metric))

        return self._ask(asked)

    def find(self, named: str) -> PastRun:
        """The run of an id or a name.

        Raises:
            UserError: there is none, or several have the name; their ids are told.
        """
        runs = self.runs()
        exact = [run for run in runs if run.run_id == named]
        found = exact or [run for run in runs if run.name == named]
        where = self._store.location.shown
        if not found:
            raise UserError(
                f"the tracking store {where} has no run of the id or name {named}"
                " (`snowmelt sync` sends runs that still wait)"
            )
        if len(found) > 1:
            ids = ", ".join(run.run_id for run in found[-_SHOWN_IDS:])
            more = f"the last of {len(found)}: " if len(found) > _SHOWN_IDS else ""
            raise UserError(
                f"{len(found)} runs in the tracking store {where} are named {named}: name"
                f" one by its id ({more}{ids})"
            )
        return found[0]

    def evaluation(self, run: PastRun) -> dict[str, Any]:
        """The content of the metrics.json that the stage evaluate sent.

        Raises:
            UserError: the run was not evaluated, or the store does not answer.
        """
        content = self._ask(lambda store: store.file(run.run_id, *_EVALUATION))
        try:
            found = json.loads(content) if content is not None else None
        except ValueError as error:
            raise UserError(f"metrics.json of the run {run.run_id}: {error}") from error
        if not isinstance(found, dict):
            raise UserError(
                f"the run {run.name} ({run.run_id}) has no evaluation: run `snowmelt"
                " evaluate` for it, and `snowmelt sync` if it still waits"
            )
        return found

    def _ask(self, question: Callable[[Store], Answer]) -> Answer:
        """The store's answer; what it cannot answer is a user's matter."""
        location = self._store.location
        seconds = max(location.patience, READING_SECONDS)
        try:
            return bounded(lambda: question(self._store), seconds, location.shown)
        except (StoreUnreachable, StoreRejection) as error:
            raise UserError(
                f"the tracking store {location.shown} does not answer: {error}"
            ) from error


def _seconds(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else (end - start) / 1000.0
