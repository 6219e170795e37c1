"""The calls of MLflow's client that tracking needs, each of which may be repeated.

A call that fails raises one of three errors: `StoreUnreachable` (the store cannot be
reached now: keep the operation and try later), `RunDeleted` (the store no longer has the
run) or `StoreRejection` (the store will never take this).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow.entities as entities
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from snowmelt.tracking.location import Location, redacted

REJECTION_CODES = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "MALFORMED_REQUEST",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}


class StoreUnreachable(Exception):
    """The store cannot take it now."""


class RunNotCreated(StoreUnreachable):
    """The operation names another run, which has to be created before it."""


class RunDeleted(Exception):
    """The store no longer has this run."""


class StoreRejection(Exception):
    """The store will never take it."""


def why(error: Exception) -> str:
    """One line about an error, without passwords."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return redacted(lines[0])[:160]


def _create(database: Path) -> None:
    """Make an empty sqlite store beside its place, and move it there when it is whole.

    MLflow takes seconds for it, and one killed among its migrations would leave a file that
    no later process can open.
    """
    draft = database.with_name(f"{database.name}.draft")
    for left in database.parent.glob(f"{draft.name}*"):
        left.unlink()
    uri = f"sqlite:///{draft}"
    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
    draft.replace(database)


class Store:
    """One experiment in one store; connects at the first call."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._lock = threading.Lock()
        self._connected: tuple[MlflowClient, str] | None = None
        # Steps that the store already has, where duplicates may arise: (run, key) -> steps.
        self._known: dict[tuple[str, str], set[int]] = {}
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(location.timeout))

    @contextlib.contextmanager
    def _client(self, run_id: str | None = None) -> Iterator[tuple[MlflowClient, str]]:
        """The client and the experiment's id; translates what goes wrong with `run_id`."""
        try:
            with self._lock:
                if self._connected is None:
                    self._connected = self._connect()
                client, experiment = self._connected
            yield client, experiment
        except (StoreUnreachable, RunDeleted, StoreRejection):
            raise
        except MlflowException as error:
            if error.error_code not in REJECTION_CODES:
                raise StoreUnreachable(why(error)) from error
            if run_id and not self._has(run_id):
                raise RunDeleted(why(error)) from error
            raise StoreRejection(why(error)) from error
        except Exception as error:
            # Artifact stores raise what their clients raise; none of it may end a training.
            status = getattr(getattr(error, "response", None), "status_code", None)
            kind = StoreRejection if status in (400, 413, 414, 415) else StoreUnreachable
            raise kind(why(error)) from error

    def _connect(self) -> tuple[MlflowClient, str]:
        """Open the store and find or make the experiment.

        MLflow creates an sqlite file by many migrations, which concurrent processes break.
        """
        database = self.location.database
        guard: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if database:
            database.parent.mkdir(parents=True, exist_ok=True)
            guard = FileLock(f"{database}.lock")
        with guard:
            if database and not database.exists():
                _create(database)
            uri = self.location.uri
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            return client, self._experiment(client)

    def _experiment(self, client: MlflowClient) -> str:
        name = self.location.experiment
        if found := client.get_experiment_by_name(name):
            if found.lifecycle_stage == "deleted":
                raise OSError(
                    f"experiment '{name}' is deleted: restore it or set tracking.experiment"
                )
            return str(found.experiment_id)
        try:
            return str(client.create_experiment(name, self.location.artifacts))
        except MlflowException as error:
            # Another host was first.
            if found := client.get_experiment_by_name(name):
                return str(found.experiment_id)
            raise OSError(why(error)) from error

    def _has(self, run_id: str) -> bool:
        """Whether the store has the run, not deleted."""
        assert self._connected
        try:
            info = self._connected[0].get_run(run_id).info
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise StoreUnreachable(why(error)) from error
        return bool(info.lifecycle_stage == "active")

    # --- reading --------------------------------------------------------------------------

    def run(self, run_id: str) -> entities.Run | None:
        """The run, or None if it does not exist or is deleted."""
        try:
            with self._client(run_id) as (client, _):
                found = client.get_run(run_id)
        except RunDeleted:
            return None
        return found if found.info.lifecycle_stage == "active" else None

    def find(self, tag: str, value: str) -> entities.Run | None:
        """The newest run with this tag."""
        with self._client() as (client, experiment):
            runs = client.search_runs(
                [experiment],
                filter_string=f"tags.`{tag}` = '{value}'",
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

    # --- writing --------------------------------------------------------------------------

    def create(self, key: str, name: str, tags: Mapping[str, str], start: int) -> str:
        """The id of the run with this key, created unless an earlier attempt did so."""
        if found := self.find("snowmelt_key", key):
            return str(found.info.run_id)
        with self._client() as (client, experiment):
            run = client.create_run(
                experiment,
                start_time=start,
                run_name=name,
                tags={**tags, "snowmelt_key": key},
            )
        return str(run.info.run_id)

    def set_status(self, run_id: str, status: str, time: int) -> None:
        """Set the run to RUNNING, or end it with another of MLflow's states."""
        with self._client(run_id) as (client, _):
            if status == "RUNNING":
                client.update_run(run_id, status=status)
            else:
                client.set_terminated(run_id, status, end_time=time)

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Log parameters; one that already has another value is rejected."""
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

    def inherit(self, run_id: str, source: str, without: Sequence[str]) -> None:
        """Copy parameters, data set and identities from the run `source`.

        Args:
            without: sections of the configuration whose parameters are not copied.
        """
        if not (found := self.run(source)):
            return
        params = found.data.params.items()
        self.log_params(run_id, {k: v for k, v in params if k.split(".")[0] not in without})
        kept = ("identity", "data_digest", "model_id")
        self.set_tags(run_id, {k: v for k, v in found.data.tags.items() if k in kept})
        if found.inputs:
            with self._client(run_id) as (client, _):
                client.log_inputs(run_id, found.inputs.dataset_inputs)

    def use_model(self, run_id: str, model_id: str) -> None:
        with self._client(run_id) as (client, _):
            client.log_inputs(run_id, models=[entities.LoggedModelInput(model_id)])

    def log_model(self, run_id: str, name: str, step: int, tags: Mapping[str, str]) -> str:
        """The run's checkpoint as a logged model, with the run's parameters; its id.

        The weights stay among the run's artifacts, so the model is marked as external.
        """
        with self._client(run_id) as (client, experiment):
            found = client.search_logged_models(
                [experiment], filter_string=f"source_run_id = '{run_id}'"
            )
            known = [m for m in found if m.tags.get("identity") == tags["identity"]]
            run = client.get_run(run_id)
            model = known[0] if known else client.create_logged_model(
                experiment, name, run_id,
                tags={**tags, "mlflow.model.isExternal": "true"},
                params={key: value[:500] for key, value in run.data.params.items()},
                model_type="diffusion",
            )  # fmt: skip
            client.finalize_logged_model(model.model_id, "READY")
            outputs = run.outputs.model_outputs if run.outputs else []
            if model.model_id not in [output.model_id for output in outputs]:
                client.log_outputs(
                    run_id, [entities.LoggedModelOutput(model.model_id, step=step)]
                )
            client.set_tag(run_id, "model_id", model.model_id)
        return str(model.model_id)
