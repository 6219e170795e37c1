"""Where the store is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snowmelt.common.errors import UserError
from snowmelt.tracking.location import locate, redacted


def test_by_default_it_is_a_database_at_the_root(project: Any) -> None:
    found = locate(project.settings, project.root)
    assert found.uri == f"sqlite:///{project.root}/mlflow.db"
    assert found.database == project.root / "mlflow.db"
    assert found.artifacts == f"{project.root}/mlartifacts"
    assert found.runs == project.root / ".snowmelt" / "runs"
    assert found.experiment == "snowmelt"


def test_in_a_temporary_copy_it_is_at_the_main_root(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    found = locate(project.settings, project.root)
    assert found.database == tmp_path / "main" / "mlflow.db"
    assert found.artifacts == str(tmp_path / "main" / "mlartifacts")
    assert found.runs == tmp_path / "main" / ".snowmelt" / "runs"


def test_the_environment_wins_over_the_configuration(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.config["tracking"]["uri"] = "sqlite:///stores/one.db"
    one = locate(project.settings, project.root)
    assert one.database == project.root / "stores" / "one.db"
    assert one.artifacts == str(project.root / "stores" / "mlartifacts")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@host:5000")
    two = locate(project.settings, project.root)
    assert (two.uri, two.shown) == ("https://me:secret@host:5000", "https://***@host:5000")
    assert (two.database, two.artifacts) == (None, None)


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "htp://host", "./a.db"])
def test_what_is_no_store_is_named(project: Any, uri: str) -> None:
    project.config["tracking"]["uri"] = uri
    with pytest.raises(UserError, match=r"tracking\.uri"):
        locate(project.settings, project.root)


def test_only_credentials_are_hidden() -> None:
    assert redacted("at http://u:p@h/x and sqlite:////a.db") == (
        "at http://***@h/x and sqlite:////a.db"
    )
