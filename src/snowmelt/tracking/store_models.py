"""The calls of MLflow's client about models, each of which may be repeated."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient, entities
from mlflow.exceptions import MlflowException

from snowmelt.tracking.parameters import REST
from snowmelt.tracking.store_errors import StoreRejection
from snowmelt.tracking.store_pages import Pages

COMPARED = "compared"  # the tag of a version: when it was found best, in milliseconds


class Models(Pages):
    """The logged models of the experiment, and what the registry holds of them."""

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
                params=_short(run.data.params),
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

    def register(
        self, run_id: str, name: str, alias: str, tags: Mapping[str, str], text: str
    ) -> None:
        """Make the model of a run a version of a registered model, under an alias.

        Args:
            run_id: the run that was evaluated; one that only sampled names its training.
            tags: of the version. The alias stays where a version has a later `COMPARED`.

        Raises:
            StoreRejection: the run has no model.
        """
        with self._client(run_id) as (client, _):
            model = client.get_run(run_id).data.tags.get("model_id")
            if model is None:
                raise StoreRejection(f"run {run_id} has no model to register")
            trained = client.get_run(str(client.get_logged_model(model).source_run_id))
            version = _version(client, name, trained)
            for tag, value in {**tags, "model_id": model}.items():
                client.set_model_version_tag(name, version, tag, value)
            client.update_model_version(name, version, text)
            if int(tags[COMPARED]) >= _compared(client, name, alias):
                client.set_registered_model_alias(name, alias, version)


def _short(params: Mapping[str, str]) -> dict[str, str]:
    return {k: v[:500] for k, v in params.items() if not k.startswith(REST)}


def _compared(client: MlflowClient, name: str, alias: str) -> int:
    """When the version that has an alias was found best; 0 if none has."""
    try:
        return int(client.get_model_version_by_alias(name, alias).tags[COMPARED])
    except (MlflowException, KeyError, ValueError):
        return 0


def _version(client: MlflowClient, name: str, trained: Any) -> str:
    """The version of a registered model that a run trained; made if there is none."""
    run_id = trained.info.run_id
    with contextlib.suppress(MlflowException):  # it is there already
        client.create_registered_model(name)
    found = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    if found:
        return str(found[0].version)
    source = f"{trained.info.artifact_uri}/checkpoints"
    made = client.create_model_version(name, source, run_id, await_creation_for=0)
    return str(made.version)
