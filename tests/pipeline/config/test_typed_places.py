"""Paths on a command line count from the folder where they were typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.project import ROOT

from snowmelt.common.instantiate import plain
from snowmelt.common.places import takes_place
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.config import composition, typed_places

Said = pytest.CaptureFixture[str]
# Every key that names a file or a folder, with what it takes to have it.
PLACES = {
    "data_path": (),
    "data.path": ("data=folder",),
    "data.labels": ("data=array",),
    "density.path": ("density=picture",),
    "features.weights": ("features=inception",),
    "sample.checkpoint": (),
    "mcmc.checkpoint": (),
    "gallery.checkpoint": (),
    "tracking.artifacts": (),
    "paths.root": (),
    "paths.prepared": (),
    "paths.config": (),
}


def value_of(key: str, tree: object) -> object:
    for part in key.split("."):
        assert isinstance(tree, dict)
        tree = tree[part]
    return tree


@pytest.fixture
def elsewhere(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of the project that is used."""
    folder = tmp_path / "a b (1)"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PROJECT_ROOT", str(workspace))
    return folder


@pytest.mark.parametrize(("key", "needed"), PLACES.items())
def test_every_kind_of_place_counts_from_where_it_was_typed(
    workspace: Path, elsewhere: Path, key: str, needed: tuple[str, ...]
) -> None:
    given = [*needed, f"{key}=some/thing"]
    moved = typed_places.from_here(workspace, given, elsewhere)
    tree = plain(composition.compose(workspace, moved, is_checked=False))
    assert value_of(key, tree) == str(elsewhere / "some/thing")
    # Typed in the project's root, it is as it always was.
    assert typed_places.from_here(workspace, given, workspace) == given


@pytest.mark.parametrize(
    "typed", ["data.name=photos", "name=some/thing", "seed=3", "schedule=linear"]
)
def test_what_names_no_place_stays_as_it_is(workspace: Path, typed: str) -> None:
    assert typed_places.from_here(workspace, [typed], Path("/x")) == [typed]


def test_paths_in_params_count_from_the_root(workspace: Path, elsewhere: Path) -> None:
    params = {"data": "array", "data_path": "mine.npy", "overrides": ["data.labels=l.npy"]}
    (workspace / "params.yaml").write_text(yaml.safe_dump(params))
    moved = typed_places.from_here(workspace, ["sample.checkpoint=m.ckpt"], elsewhere)
    settled = composition.compose(workspace, moved, is_checked=False)
    assert (settled.data.path, settled.data.labels) == ("mine.npy", "l.npy")
    assert settled.sample.checkpoint == str(elsewhere / "m.ckpt")


def test_a_number_is_a_folder_as_it_was_typed(workspace: Path) -> None:
    (moved,) = typed_places.from_here(workspace, ["paths.root=007"], Path("/x"))
    assert composition.compose(workspace, [moved], is_checked=False).paths.root == "/x/007"


def test_a_home_in_params_is_no_folder_of_that_name(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    (workspace / "params.yaml").write_text("overrides: [\"paths.root='~/runs'\"]\n")
    assert composition.compose(workspace).paths.model == "/home/me/runs/outputs/model"


def parts(tree: object) -> list[str]:
    """Every class that is named in a tree."""
    if not isinstance(tree, dict):
        return []
    own = [tree["_target_"]] if "_target_" in tree else []
    return own + [name for value in tree.values() for name in parts(value)]


def test_the_declaration_of_every_part_can_be_read() -> None:
    """A name that only type checkers see would hide that an argument is a place."""
    files = sorted((ROOT / "conf").rglob("*.yaml"))
    named = {name for file in files for name in parts(yaml.safe_load(file.read_text()))}
    assert len(named) > 60
    for name in sorted(named):
        takes_place(name, "path")  # raises NameError


def test_a_command_typed_elsewhere_says_which_project_it_uses(
    workspace: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    assert main(("compose", "out=c.yaml")) == 0
    said = capsys.readouterr()
    assert said.out == f"compose: {elsewhere / 'c.yaml'}\n"
    assert said.err == ""  # PROJECT_ROOT was set by hand
    monkeypatch.delenv("PROJECT_ROOT")
    below = workspace / "notebooks"
    below.mkdir()
    monkeypatch.chdir(below)
    assert main(("compose", "out=c.yaml")) == 0
    said = capsys.readouterr()
    assert said.out == f"compose: {below / 'c.yaml'}\n"
    assert f"the project is {workspace}" in said.err
    assert str(below) in said.err
    monkeypatch.chdir(workspace)
    assert main(("compose",)) == 0
    said = capsys.readouterr()
    assert said.out == f"compose: {workspace / 'outputs/config.yaml'}\n"
    assert said.err == ""


def test_a_missing_configuration_is_named_in_full(elsewhere: Path, capsys: Said) -> None:
    assert main(("prepare", "--config", "none.yaml")) == 2
    assert f"{elsewhere / 'none.yaml'} is missing" in capsys.readouterr().err
