"""Raw data and what stages write stay apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.common.test_made_folders import MADE, filled

from snowmelt.common.errors import UserError
from snowmelt.pipeline.config import composed_file, composition
from snowmelt.pipeline.config.read_places import check_data_apart
from snowmelt.pipeline.stages import compose

STAGES = {
    "config": "outputs/config.yaml",
    "prepared": "data/prepared",
    "model": "outputs/model",
    "samples": "outputs/samples",
    "reports": "reports",
}


def configured(path: object, out: object = ".", **places: object) -> dict[str, Any]:
    """The part of a configuration that the check reads."""
    data = {"_target_": "snowmelt.data.Array", "name": "x", "path": str(path)}
    paths = {"root": str(out)} | {key: f"{out}/{to}" for key, to in STAGES.items()}
    return {"data": data, "paths": paths | {key: str(at) for key, at in places.items()}}


def refused(root: Path, config: dict[str, Any]) -> str:
    """What is said of a configuration that must not be had."""
    with pytest.raises(UserError) as caught:
        check_data_apart(config, root)
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return filled(tmp_path, "photos", {"1.png": ""})


def test_outputs_among_the_data_are_refused(workspace: Path, photos: Path) -> None:
    for out in (photos / "run", photos, photos / "deep" / "er"):
        said = refused(workspace, configured(photos, out))
        assert said.startswith("data.path: ")
        assert str(photos) in said
        assert "out=DIR" in said
    check_data_apart(configured(photos, photos.parent / "photos_run"), workspace)


def test_data_among_the_outputs_is_refused(workspace: Path, photos: Path) -> None:
    said = refused(workspace, configured(photos, photos.parent))
    assert f"{photos} lies in {photos.parent}" in said


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("data", "data/raw"),
        (".", "holds"),
        ("data/prepared", "lies in"),
        ("outputs", "holds"),
        ("outputs/samples/old", "lies in"),
        ("reports/figures", "lies in"),
        ("..", "holds"),
    ],
)
def test_the_projects_own_folders_are_no_data(
    workspace: Path, path: str, named: str
) -> None:
    said = refused(workspace, configured(path))
    assert named in said
    assert str(workspace / path) in said


@pytest.mark.parametrize("path", ["data/raw", "photos", "data/raw/x.npy"])
def test_beside_the_outputs_they_are(workspace: Path, path: str) -> None:
    check_data_apart(configured(path), workspace)


@pytest.mark.parametrize("key", ["model", "reports", "samples", "prepared"])
def test_a_single_stage_among_the_data_is_refused(
    workspace: Path, photos: Path, key: str
) -> None:
    said = refused(workspace, configured(photos, **{key: photos / "x"}))
    assert f"(paths.{key})" in said


def test_a_link_hides_nothing(workspace: Path, photos: Path) -> None:
    link = photos.parent / "link"
    link.symlink_to(photos)
    for data, out in ((link, photos / "run"), (photos, link / "run")):
        refused(workspace, configured(data, out))


def test_an_array_and_its_labels_are_data_too(workspace: Path, tmp_path: Path) -> None:
    folder = filled(tmp_path, "o/data/prepared", {"images.npy": "", "labels.npy": ""})
    config = configured(folder / "images.npy", tmp_path / "o")
    assert "data.path: " in refused(workspace, config)
    # A file beside the outputs is in nobody's way.
    config["data"]["path"] = str(filled(tmp_path / "o", "mine", {"c.npy": ""}) / "c.npy")
    check_data_apart(config, workspace)
    config["data"]["labels"] = str(folder / "labels.npy")
    assert "data.labels: " in refused(workspace, config)


@pytest.mark.parametrize("name", MADE)
def test_what_this_program_made_elsewhere_is_no_folder_of_data(
    workspace: Path, tmp_path: Path, name: str
) -> None:
    folder = filled(tmp_path, name, MADE[name])
    inner = folder / "figures"
    inner.mkdir()
    for path in (folder, inner):
        said = refused(workspace, configured(path))
        assert f"what this program made, {folder}" in said


def test_an_address_is_no_folder(workspace: Path) -> None:
    for path in ("s3://bucket/photos", "file:///photos", "https://example.org/photos"):
        assert f"{path} is an address" in refused(workspace, configured(path))


def test_whatever_composes_looks(
    workspace: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["data=folder", f"data.path={photos}"]
    with pytest.raises(UserError, match=r"data\.path: .*where stages write"):
        composition.compose(workspace, [*given, f"paths.root={photos}"], is_checked=False)
    monkeypatch.setenv("PROJECT_ROOT", str(workspace))
    settled = composition.compose(workspace, given, is_checked=False)
    file = compose.run(settled, workspace)
    composed_file.load(file)
    file.write_text(file.read_text().replace("./data/prepared", f"{photos}/prepared"))
    with pytest.raises(UserError, match=r"data\.path: .*where stages write"):
        composed_file.load(file)
