"""The store's file is whole or absent."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient

from snowmelt.tracking import store_connection


def test_a_database_is_made_in_one_piece(tmp_path: Path) -> None:
    """What a killed creation left is neither used nor in the way."""
    database = tmp_path / "mlflow.db"
    (tmp_path / "mlflow.db.draft").write_bytes(b"half a database")
    (tmp_path / "mlflow.db.draft-journal").write_bytes(b"and its journal")
    store_connection._create(database)
    client = MlflowClient(f"sqlite:///{database}")
    assert client.search_experiments()
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db"}
