"""The store's file is whole or absent."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from snowmelt.tracking import locate, store_connection
from snowmelt.tracking.mlflow_store import Store


def test_a_database_is_made_in_one_piece(tmp_path: Path) -> None:
    """What a killed creation left is neither used nor in the way."""
    database = tmp_path / "mlflow.db"
    (tmp_path / "mlflow.db.draft").write_bytes(b"half a database")
    (tmp_path / "mlflow.db.draft-journal").write_bytes(b"and its journal")
    store_connection._create(database)
    client = MlflowClient(f"sqlite:///{database}")
    assert client.search_experiments()
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db"}


def _connect(project: Any, told: Any) -> None:
    store = Store(locate(project.settings, project.root))
    told.put(store._connect()[1])


def test_processes_that_begin_at_once_make_one_store(project: Any) -> None:
    """MLflow's own migrations break where two processes run them."""
    (project.root / "mlflow.db").unlink()
    fork = multiprocessing.get_context("fork")
    told = fork.Queue()
    processes = [fork.Process(target=_connect, args=(project, told)) for _ in range(4)]
    for process in processes:
        process.start()
    experiments = {told.get(timeout=120) for _ in processes}
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(experiments) == 1
    assert (project.root / "mlflow.db").is_file()
