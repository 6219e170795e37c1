"""The MLflow store, asked in our words; every call may be repeated without harm.

A call that fails says which of three things happened: the store cannot be reached now
(`Unreachable`: keep it and try later), it no longer has the run (`Gone`), or it will never
take this (`Rejected`).
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

REFUSALS = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "MALFORMED_REQUEST",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}


class Unreachable(Exception):
    """The store cannot take it now."""


class Waiting(Unreachable):
    """The store may answer, but this names a run that has to be made before it."""


class Gone(Exception):
    """The store no longer has this run."""


class Rejected(Exception):
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
        # Steps that a run already has, where they may have arrived: (run, key) -> steps.
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
        except (Unreachable, Gone, Rejected):
            raise
        except MlflowException as error:
            if error.error_code not in REFUSALS:
                raise Unreachable(why(error)) from error
            if run_id and not self._has(run_id):
                raise Gone(why(error)) from error
            raise Rejected(why(error)) from error
        except Exception as error:
            # Artifact stores raise what their clients raise; none of it may end a training.
            status = getattr(getattr(error, "response", None), "status_code", None)
            kind = Rejected if status in (400, 413, 414, 415) else Unreachable
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
        """The store has the run, and it is not deleted."""
        assert self._connected
        try:
            info = self._connected[0].get_run(run_id).info
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise Unreachable(why(error)) from error
        return bool(info.lifecycle_stage == "active")

    # --- asking ---------------------------------------------------------------------------

    def run(self, run_id: str) -> entities.Run | None:
        """The run, or None if it is gone."""
        try:
            with self._client(run_id) as (client, _):
                found = client.get_run(run_id)
        except Gone:
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

    # --- telling --------------------------------------------------------------------------

    def create(self, key: str, name: str, tags: Mapping[str, str], start: int) -> str:
        """Make the run of ledger key `key`, or find it if a crash came just after."""
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
        """RUNNING, or an end."""
        with self._client(run_id) as (client, _):
            if status == "RUNNING":
                client.update_run(run_id, status=status)
            else:
                client.set_terminated(run_id, status, end_time=time)

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Parameters, in batches of 100; one that has another value already is refused."""
        self._log_batches(
            run_id, "params", [entities.Param(*item) for item in params.items()]
        )

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Tags, in batches of 100."""
        self._log_batches(run_id, "tags", [entities.RunTag(*item) for item in tags.items()])

    def _log_batches(self, run_id: str, kind: str, items: Sequence[Any]) -> None:
        """Log 100 at a time; of a batch that is refused, log all but the culprits."""
        refusal = None
        for start in range(0, len(items), 100):
            batch = items[start : start + 100]
            try:
                with self._client(run_id) as (client, _):
                    client.log_batch(run_id, **{kind: batch})  # type: ignore[arg-type]
            except Rejected as error:
                refusal = error
                for item in batch if len(batch) > 1 else ():
                    with contextlib.suppress(Rejected):
                        self._log_batches(run_id, kind, [item])
        if refusal:
            raise refusal

    def log_metrics(
        self, run_id: str, points: Sequence[Mapping[str, Any]], doubt: bool
    ) -> None:
        """Points {"step", "time", "values", "model_id"}; with `doubt`, only missing ones.

        The time stamps are those of the first attempt, which lets an SQL store drop exact
        repetitions by itself; `doubt` also covers steps that were computed again.
        """
        metrics = [
            entities.Metric(key, value, point["time"], point["step"], point.get("model_id"))
            for point in points
            for key, value in point["values"].items()
            if point["step"] not in self._steps(run_id, key, doubt)
        ]
        for start in range(0, len(metrics), 1000):
            with self._client(run_id) as (client, _):
                client.log_batch(run_id, metrics=metrics[start : start + 1000])

    def _steps(self, run_id: str, key: str, doubt: bool) -> set[int]:
        """Steps of a metric that the store had when it was last in doubt."""
        if not doubt:
            return set()
        if (run_id, key) not in self._known:
            with self._client(run_id) as (client, _):
                history = client.get_metric_history(run_id, key)
            self._known[run_id, key] = {metric.step for metric in history}
        return self._known[run_id, key]

    def doubt_again(self) -> None:
        """A call failed, yet may have arrived: look at the store anew."""
        self._known.clear()

    def log_dataset(self, run_id: str, dataset: Mapping[str, str]) -> None:
        """The data as an input of the run."""
        entity = entities.Dataset(**dataset)
        tag = entities.InputTag("mlflow.data.context", "training")
        with self._client(run_id) as (client, _):
            client.log_inputs(run_id, [entities.DatasetInput(entity, [tag])])

    def log_file(self, run_id: str, file: Path, folder: str) -> None:
        """An artifact; one of the same name is replaced."""
        with self._client(run_id) as (client, _):
            client.log_artifact(run_id, str(file), folder or None)

    def inherit(self, run_id: str, source: str, without: Sequence[str]) -> None:
        """Take over parameters, data and the names of what `source` came from."""
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
        """The logged model as an input of the run."""
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
