"""Where the store is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from snowmelt.common.errors import UserError
from snowmelt.tracking.location import locate, redacted
from snowmelt.tracking.mlflow_store import Store


def test_by_default_it_is_a_database_at_the_root(project: Any) -> None:
    found = locate(project.settings, project.root)
    assert found.uri == f"sqlite:///{project.root}/mlflow.db"
    assert found.database == project.root / "mlflow.db"
    assert found.artifacts == f"{project.root}/mlartifacts"
    assert found.runs == project.root / ".snowmelt" / "runs"
    assert found.experiment == "snowmelt"


@pytest.mark.parametrize(
    "name", ["a?b=1", "a%20b", "100%", "a#b", "a b (1)", "[x]{y}", 'it\'s "e"', "k=v"]
)
def test_a_root_may_have_any_name(project: Any, name: str) -> None:
    """To SQLAlchemy `?` begins options, and to MLflow `%20` is a space in a path."""
    root = project.root / name
    root.mkdir()
    shutil.move(project.root / "mlflow.db", root)
    found = locate(project.settings, root)
    assert found.database == root / "mlflow.db"
    client = MlflowClient(tracking_uri=found.uri, registry_uri=found.uri)
    run = client.create_run(client.create_experiment("any", found.artifacts))
    (root / "a.txt").touch()
    client.log_artifact(run.info.run_id, str(root / "a.txt"))
    assert len(list((root / "mlartifacts").rglob("a.txt"))) == 1
    assert list(project.root.iterdir()) == [root]


def test_a_new_store_is_made_in_a_root_with_a_question_mark(project: Any) -> None:
    root = project.root / "really?"
    root.mkdir()
    (project.root / "mlflow.db").unlink()
    assert Store(locate(project.settings, root)).runs() == []
    assert (root / "mlflow.db").is_file()
    assert list(project.root.iterdir()) == [root]


def test_in_a_temporary_copy_it_is_at_the_main_root(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    found = locate(project.settings, project.root)
    assert found.database == tmp_path / "main" / "mlflow.db"
    assert found.artifacts == str(tmp_path / "main" / "mlartifacts")
    assert found.runs == tmp_path / "main" / ".snowmelt" / "runs"


def test_the_environment_wins_over_the_configuration(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "stores").mkdir()
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


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sqlite:///{root}", "is a folder: name a file in it"),
        ("sqlite:////", "is a folder"),
        ("sqlite:///{root}/", "is a folder"),
        ("sqlite:///new/", "ends like a folder"),
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///?timeout=3", "names no file"),
        ("sqlite://host/x.db", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=memory&uri=true", "names no file"),
        ("sqlite+pysqlite:///:memory:", "names no file"),
        ("sqlite:///no/such/place.db", "no/such is not there: make it first"),
        ("sqlite:///picture.png/x.db", "picture.png is no folder"),
        ("sqlite:///picture.png", "is a file, but no sqlite database"),
        ("sqlite:///fifo", "is no regular file"),
        ("http://", "names no host"),
        ("http:///x", "names no host"),
        ("https://:5000", "names no host"),
        ("http://me:secret@", "names no host"),
        ("http://a host:5000", "names no host"),
        ("http://host:port", "has a port that is no number"),
        ("http://host:99999", "has a port that is no number"),
        ("http://[::1", "is no tracking store"),
        ("postgresql+nodriver://host/x", "pip install nodriver"),
        ("mongodb://host/x", "is no tracking store"),
        ("s3://bucket/x", "is no tracking store"),
        ("10.0.0.1:5000", "is no tracking store"),
    ],
)
@pytest.mark.parametrize("setting", ["MLFLOW_TRACKING_URI", "tracking.uri"])
def test_where_no_store_can_be_is_refused_in_one_line(
    project: Any, monkeypatch: pytest.MonkeyPatch, uri: str, said: str, setting: str
) -> None:
    (project.root / "picture.png").write_bytes(b"no database")
    os.mkfifo(project.root / "fifo")
    uri = uri.format(root=project.root)
    if setting == "tracking.uri":
        project.config["tracking"]["uri"] = uri
    else:
        monkeypatch.setenv(setting, uri)
    with pytest.raises(UserError) as found:
        locate(project.settings, project.root)
    line = str(found.value)
    assert line.startswith(f"{setting}: ")
    assert said in line
    assert "secret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("uri", "database"),
    [
        ("sqlite:///mine.db", "mine.db"),
        ("sqlite:///mine.db?timeout=3", "mine.db"),
        ("sqlite+pysqlite:///mine.db", "mine.db"),
        ("sqlite:///empty.db", "empty.db"),
        ("sqlite:///with a space.db", "with a space.db"),
        ("http://host", None),
        ("  http://host ", None),
        ("https://me:secret@host:5000/path", None),
        ("databricks", None),
        ("databricks://profile", None),
    ],
)
def test_where_a_store_can_be(project: Any, uri: str, database: str | None) -> None:
    (project.root / "empty.db").touch()
    project.config["tracking"]["uri"] = uri
    found = locate(project.settings, project.root)
    assert found.database == (project.root / database if database else None)
    assert found.is_database == (database is not None)


@pytest.mark.parametrize(
    ("uri", "artifacts"),
    [
        ("sqlite:///mine.db", "mlartifacts"),
        ("sqlite:///stores/mine.db?timeout=3", "stores/mlartifacts"),
        ("sqlite+pysqlite:///stores/a%20b.db", "stores/mlartifacts"),
        ("sqlite:///{root}/stores/mine.db", "stores/mlartifacts"),
        ("postgresql+json://me:secret@host/runs", "mlartifacts"),
        ("databricks", None),
    ],
)
def test_files_lie_beside_the_database_or_at_the_root(
    project: Any, uri: str, artifacts: str | None
) -> None:
    """A driver that is installed everywhere, since nothing is asked of it."""
    (project.root / "stores").mkdir()
    project.config["tracking"]["uri"] = uri.format(root=project.root)
    expected = None if artifacts is None else f"{project.root}/{artifacts}"
    assert locate(project.settings, project.root).artifacts == expected
    project.config["tracking"]["artifacts"] = "chosen"
    assert locate(project.settings, project.root).artifacts == f"{project.root}/chosen"


def test_a_place_for_artifacts_that_is_none(project: Any) -> None:
    (project.root / "file").touch()
    for place in ("file", "file/below", f"file://{project.root}/file"):
        project.config["tracking"]["artifacts"] = place
        with pytest.raises(UserError, match=r"tracking\.artifacts: .* cannot be a folder"):
            locate(project.settings, project.root)
    for place in ("new/folder", "s3://bucket/x"):
        project.config["tracking"]["artifacts"] = place
        locate(project.settings, project.root)


def test_only_credentials_are_hidden() -> None:
    assert redacted("at http://u:p@h/x and sqlite:////a.db") == (
        "at http://***@h/x and sqlite:////a.db"
    )
