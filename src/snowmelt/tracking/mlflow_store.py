"""The calls of MLflow's client that tracking needs, each of which may be repeated."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow.entities as entities

from snowmelt.common.drafts import scratch_folder
from snowmelt.tracking.location import Location
from snowmelt.tracking.parameters import section_of
from snowmelt.tracking.run_records import RunRecord
from snowmelt.tracking.store_errors import RunDeleted, StoreRejection, StoreUnreachable
from snowmelt.tracking.store_models import Models


class Store(Models):
    """The runs of one experiment in one store."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        # Steps that the store already has, where duplicates may arise: (run, key) -> steps.
        self._known: dict[tuple[str, str], set[int]] = {}

    # --- reading --------------------------------------------------------------------------

    def run(self, run_id: str) -> entities.Run | None:
        """The run, or None if it does not exist or is deleted."""
        try:
            with self._client(run_id) as (client, _):
                found = client.get_run(run_id)
        except RunDeleted:
            return None
        return found if found.info.lifecycle_stage == "active" else None

    def find(
        self,
        tag: str,
        value: str,
        stage: str | None = None,
        experiment: str | None = None,
    ) -> entities.Run | None:
        """The newest run with this tag.

        Args:
            stage: that it must have been in; others may have inherited the tag.
            experiment: the id of another experiment to look in.
        """
        wanted = f"tags.`{tag}` = '{value}'"
        if stage:
            wanted += f" AND tags.`stage.{stage}` LIKE '%'"
        with self._client() as (client, here):
            runs = client.search_runs(
                [experiment or here],
                filter_string=wanted,
                order_by=["attributes.start_time DESC"],
                max_results=1,
            )
        return runs[0] if runs else None

    def runs(self) -> list[entities.Run]:
        """All runs of the experiment, oldest first."""
        found: list[entities.Run] = []
        token = None
        with self._client() as (client, experiment):
            while True:
                page = client.search_runs(
                    [experiment], order_by=["attributes.start_time ASC"], page_token=token
                )
                found += page
                if not (token := page.token):
                    return found

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """Every (step, value) of a metric, in no order."""
        with self._client(run_id) as (client, _):
            points = client.get_metric_history(run_id, key)
        return [(point.step, point.value) for point in points]

    def file(self, run_id: str, name: str, folder: str) -> bytes | None:
        """The content of an artifact; None where the run has none of this name."""
        if not self.has_file(run_id, name, folder):
            return None
        path = f"{folder}/{name}" if folder else name
        with self._client(run_id) as (client, _), scratch_folder() as here:
            return Path(client.download_artifacts(run_id, path, str(here))).read_bytes()

    # --- writing --------------------------------------------------------------------------

    def create(self, record: RunRecord, tags: Mapping[str, str], start: int) -> str:
        """The id of the record's run, created unless an earlier attempt did so."""
        tags = {**tags, "snowmelt_key": record.key}
        if record.adopted:
            if self.run(record.adopted) is None:
                raise StoreUnreachable(f"MLFLOW_RUN_ID: no run {record.adopted}")
            self.set_status(record.adopted, "RUNNING", start)
            self.set_tags(record.adopted, tags)
            return record.adopted
        with self._client() as (client, here):
            there = (record.experiment, record.experiment_id)
            is_here = there in (
                (None, None),
                (self.location.experiment, self.location.experiment_id),
            )
            experiment = here if is_here else self._experiment(client, *there)
            if found := self.find("snowmelt_key", record.key, None, experiment):
                return str(found.info.run_id)
            run = client.create_run(
                experiment, start_time=start, run_name=record.name, tags=tags
            )
        return str(run.info.run_id)

    def set_status(self, run_id: str, status: str, time: int) -> None:
        """Set the run to RUNNING, or end it with another of MLflow's states."""
        with self._client(run_id) as (client, _):
            if status == "RUNNING":
                client.update_run(run_id, status=status)
            else:
                client.set_terminated(run_id, status, end_time=time)

    def log_params(
        self, run_id: str, params: Mapping[str, str], only_missing: bool = False
    ) -> None:
        """Log parameters; one that already has another value is rejected.

        Args:
            only_missing: leave those alone that the run has, whatever their values.
        """
        if only_missing and (run := self.run(run_id)):
            params = {k: v for k, v in params.items() if k not in run.data.params}
        self._log_batches(
            run_id, "params", [entities.Param(*item) for item in params.items()]
        )

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._log_batches(run_id, "tags", [entities.RunTag(*item) for item in tags.items()])

    def _log_batches(self, run_id: str, kind: str, items: Sequence[Any]) -> None:
        """Log 100 at a time; of a batch that is rejected, log all but the culprits."""
        rejection = None
        for start in range(0, len(items), 100):
            batch = items[start : start + 100]
            try:
                with self._client(run_id) as (client, _):
                    client.log_batch(run_id, **{kind: batch})  # type: ignore[arg-type]
            except StoreRejection as error:
                rejection = error
                for item in batch if len(batch) > 1 else ():
                    with contextlib.suppress(StoreRejection):
                        self._log_batches(run_id, kind, [item])
        if rejection:
            raise rejection

    def log_metrics(
        self, run_id: str, points: Sequence[Mapping[str, Any]], maybe_duplicate: bool
    ) -> None:
        """Log points {"step", "time", "values", "model_id"}.

        The time stamps are those of the first attempt, which lets an SQL store drop exact
        repetitions by itself.

        Args:
            maybe_duplicate: the store may already have some of them, perhaps of steps that
                were computed again: send only those that it lacks.
        """
        metrics = [
            entities.Metric(key, value, point["time"], point["step"], point.get("model_id"))
            for point in points
            for key, value in point["values"].items()
            if point["step"] not in self._steps(run_id, key, maybe_duplicate)
        ]
        for start in range(0, len(metrics), 1000):
            with self._client(run_id) as (client, _):
                client.log_batch(run_id, metrics=metrics[start : start + 1000])

    def _steps(self, run_id: str, key: str, maybe_duplicate: bool) -> set[int]:
        """Steps of a metric that the store already had when it was last asked."""
        if not maybe_duplicate:
            return set()
        if (run_id, key) not in self._known:
            self._known[run_id, key] = {step for step, _ in self.history(run_id, key)}
        return self._known[run_id, key]

    def forget_known_steps(self) -> None:
        """Ask the store anew, since a call that failed may have arrived all the same."""
        self._known.clear()

    def log_dataset(self, run_id: str, dataset: Mapping[str, str]) -> None:
        entity = entities.Dataset(**dataset)
        tag = entities.InputTag("mlflow.data.context", "training")
        with self._client(run_id) as (client, _):
            client.log_inputs(run_id, [entities.DatasetInput(entity, [tag])])

    def log_file(self, run_id: str, file: Path, folder: str) -> None:
        """Upload an artifact, replacing one of the same name."""
        with self._client(run_id) as (client, _):
            client.log_artifact(run_id, str(file), folder or None)

    def has_file(self, run_id: str, name: str, folder: str) -> bool:
        path = f"{folder}/{name}" if folder else name
        with self._client(run_id) as (client, _):
            return path in [f.path for f in client.list_artifacts(run_id, folder or None)]

    def inherit(self, run_id: str, source: str, without: Sequence[str]) -> None:
        """Copy parameters, data set and identities from the run `source`.

        Args:
            without: sections of the configuration whose parameters are not copied.
        """
        if not (found := self.run(source)):
            return
        params = found.data.params.items()
        self.log_params(run_id, {k: v for k, v in params if section_of(k) not in without})
        kept = ("identity", "data_digest", "model_id")
        self.set_tags(run_id, {k: v for k, v in found.data.tags.items() if k in kept})
        if found.inputs:
            with self._client(run_id) as (client, _):
                client.log_inputs(run_id, found.inputs.dataset_inputs)
