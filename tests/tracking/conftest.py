"""A project with a real sqlite store in a temporary folder."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snowmelt.tracking.opening import MLFLOW_ENVIRONMENT
from snowmelt.tracking.settings import TrackingSettings

os.environ.update(MLFLOW_ENVIRONMENT)

from mlflow import MlflowClient
from mlflow.entities import Run
from tests.tracking.fake_server import FakeServer, serving

STRANGERS = (
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
    "MLFLOW_RUN_CONTEXT",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_URI",
    "DVC_ROOT",
    "DVC_EXP_NAME",
    "RANK",
    "LOCAL_RANK",
    "SNOWMELT_PARENT_RUN",
    "SNOWMELT_JOB",
    "DVC_STAGE",
)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow needs seconds to make a database, so it is made once and copied."""
    file = tmp_path_factory.mktemp("database") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}")
    return file


class Project:
    """A root folder with a configuration, and eyes for its store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self._clients: dict[str, MlflowClient] = {}
        self.uri = f"sqlite:///{root / 'mlflow.db'}"
        self.config: dict[str, Any] = {
            "name": None,
            "seed": 0,
            "data": {"name": "digits"},
            "schedule": {
                "_target_": "snowmelt.schedules.Cosine",
                "log_snr_max": 10.0,
            },
            "prediction": {"_target_": "snowmelt.predictions.V"},
            "training": {"steps": 6, "ema": {"decay": 0.999}},
            "sampler": {"steps": 50},
            "sample": {"num_samples": 8},
            "evaluation": {"subsets": 10},
            "tracking": {
                "enabled": True,
                "experiment": "snowmelt",
                "uri": None,
                "artifacts": None,
                "flush_seconds": 0.02,
                "cooldown_seconds": 0.05,
                "timeout_seconds": 2,
            },
        }

    def changed(self, **values: object) -> dict[str, Any]:
        """The configuration with some dotted keys (written with __) changed."""
        config = copy.deepcopy(self.config)
        for key, value in values.items():
            section = config
            *path, last = key.split("__")
            for name in path:
                section = section[name]
            section[last] = value
        return config

    @property
    def settings(self) -> TrackingSettings:
        return TrackingSettings.of(self.config["tracking"])

    @property
    def client(self) -> MlflowClient:
        if self.uri not in self._clients:
            self._clients[self.uri] = MlflowClient(tracking_uri=self.uri)
        return self._clients[self.uri]

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        experiment = self.client.get_experiment_by_name("snowmelt")
        client = self.client
        found = client.search_runs([experiment.experiment_id])
        # A search leaves out the models that a run used.
        whole = [client.get_run(run.info.run_id) for run in found]
        return sorted(whole, key=lambda run: run.data.tags["snowmelt_key"])

    def steps(self, run: Run, key: str) -> list[int]:
        return [
            metric.step for metric in self.client.get_metric_history(run.info.run_id, key)
        ]

    def artifacts(self, run: Run, folder: str | None = None) -> list[str]:
        return [file.path for file in self.client.list_artifacts(run.info.run_id, folder)]

    def pictures(self, run: Run) -> list[tuple[str, int]]:
        """The (key, step) of each picture that the UI compares, each as often as it is."""
        names = [Path(path).name for path in self.artifacts(run, "images")]
        parts = [name.split("+") for name in names if name.endswith(".png")]
        copies = [name for name in names if name.endswith(".webp")]
        assert len(copies) == len(parts), "each has a smaller copy"
        return sorted((key, int(step)) for key, _, step, *_ in parts)


@pytest.fixture
def server(project: Project) -> Iterator[FakeServer]:
    """A fake server, which the project tracks to."""
    with serving() as fake:
        project.config["tracking"]["uri"] = fake.uri
        yield fake


@pytest.fixture
def project(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    for variable in STRANGERS:
        monkeypatch.delenv(variable, raising=False)
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return Project(tmp_path)
