"""Under DVC, what a stage reads is watched and what it writes is kept, or it is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tests.project import ROOT

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import composition, watched_places
from snowmelt.pipeline.stages import compose


@pytest.fixture
def project(workspace: Path) -> Path:
    shutil.copy(ROOT / "dvc.yaml", workspace)
    return workspace


def said(root: Path, overrides: list[str], **params: object) -> str:
    """What is refused of params.yaml with these values; "" if nothing is."""
    text = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    whole = yaml.safe_dump(text | params | {"overrides": overrides})
    (root / "params.yaml").write_text(whole, encoding="utf-8")
    config = composition.compose(root, is_checked=False)
    try:
        watched_places.check(config, root)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("overrides", "params", "key"),
    [
        (["data.path=/i"], {"data": "folder"}, "data.path: /i"),
        (["data.path=mine"], {"data": "folder"}, "data.path: {root}/mine"),
        (["data.path=/i"], {"data": "fashion_mnist"}, "data.path: /i"),
        (["data.labels=l.npy"], {"data": "array"}, "data.labels: {root}/l.npy"),
        (["density.path=p.png"], {"experiment": "density", "density": "picture"},
         "data.density.path: {root}/p.png"),
        (["features.weights=w.pth"], {"features": "inception"},
         "features.weights: {root}/w.pth"),
        (["sample.checkpoint=m.ckpt"], {}, "sample.checkpoint: {root}/m.ckpt"),
        (["training.start_from=m.ckpt"], {}, "training.start_from: {root}/m.ckpt"),
    ],
)  # fmt: skip
def test_what_is_not_watched_is_refused(
    project: Path, overrides: list[str], params: dict[str, object], key: str
) -> None:
    refused = said(project, overrides, **params)
    assert refused.startswith(f"{key.format(root=project)} is not watched by DVC")
    assert "dvc.yaml" in refused
    assert "snowmelt pipeline" in refused


def test_what_is_watched_is_taken(project: Path) -> None:
    assert said(project, []) == ""
    raw = project / "data" / "raw"
    for name in ("images.npy", "labels.npy"):
        (raw / name).touch()
    inside = ["data.path=data/raw/images.npy", "data.labels=data/raw/labels.npy"]
    assert said(project, inside, data="array") == ""
    assert said(project, [], data="folder", data_path=str(raw)) == ""
    picture = project / "docs" / "images" / "snowflake.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    assert said(project, [], experiment="density", density="picture") == ""


def test_a_file_can_be_named_in_dvc_yaml(project: Path) -> None:
    (project / "w.pth").touch()
    chosen = ["features.weights=w.pth"]
    assert "deps of reference" in said(project, chosen, features="inception")
    pipeline = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))
    pipeline["stages"]["reference"]["deps"].append("w.pth")
    (project / "dvc.yaml").write_text(yaml.safe_dump(pipeline), encoding="utf-8")
    assert said(project, chosen, features="inception") == ""


def test_what_is_watched_must_be_there(project: Path) -> None:
    refused = said(project, [], data="folder", data_path="data/raw/photos")
    assert refused == f"data.path: {project}/data/raw/photos does not exist"
    copy = project / ".dvc" / "tmp" / "exps" / "tmp1"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".dvc"))
    (project / "data" / "raw" / "photos").mkdir()
    (project / "data" / "raw" / "photos" / "1.png").touch()
    refused = said(copy, [], data="folder", data_path="data/raw/photos")
    assert f"-S data_path={project}/data/raw/photos" in refused


def test_dvc_takes_no_home(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project / "home"))
    refused = said(project, [], data="folder", data_path="~/i")
    assert f"DVC takes no ~: write {project}/home/i" in refused


@pytest.mark.parametrize("key", ["root", "prepared", "config", "model"])
def test_outputs_are_where_dvc_keeps_them(project: Path, key: str) -> None:
    refused = said(project, [f"paths.{key}=elsewhere/x"])
    assert refused.startswith(f"paths.{key}: {project}/elsewhere/x")


def test_dvc_alone_is_so_strict(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = composition.compose(project, ["data_path=/i", "data=folder"], is_checked=False)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    assert compose.run(config, project).is_file()
    monkeypatch.setenv("DVC_STAGE", "compose")
    with pytest.raises(UserError, match=r"data\.path: /i is not watched"):
        compose.run(config, project)


def test_dvc_runs_the_project_that_it_is_in(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_STAGE", "compose")
    monkeypatch.setenv("PROJECT_ROOT", str(project))
    assert composition.project_root() == project
    monkeypatch.setenv("PROJECT_ROOT", str(ROOT))
    with pytest.raises(UserError, match=f"PROJECT_ROOT={ROOT}, but DVC runs .*unset it"):
        composition.project_root()


def test_a_start_of_files_belongs_below_the_watched_folder(project: Path) -> None:
    refused = said(project, ["start.of=array", "start.of.path=b.npy"], start="data")
    assert refused.startswith(f"start.of.path: {project}/b.npy is not watched by DVC")
    assert "put it into the folder that data_path in params.yaml names" in refused
