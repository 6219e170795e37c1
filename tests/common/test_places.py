"""Paths of a configuration, and the folder that they count from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from snowmelt.common.places import Place, counted_from_root, is_place, located, not_copied
from snowmelt.common.section import Text


@pytest.mark.parametrize(
    ("typed", "here", "kept"),
    [
        ("photos", "/p", "photos"),
        (".", "/p", "."),
        ("photos", "/p/notebooks", "notebooks/photos"),
        ("../photos", "/p/notebooks", "photos"),
        (".", "/elsewhere", "/elsewhere"),
        ("photos", "/elsewhere", "/elsewhere/photos"),
        ("/q/photos", "/elsewhere", "/q/photos"),
        ("/p/photos", "/elsewhere", "photos"),
        ("../photos", "/p", "/photos"),
        ("", "/elsewhere", ""),
        ("${data_path}", "/elsewhere", "${data_path}"),
        ("s3://bucket/photos", "/elsewhere", "s3://bucket/photos"),
        ("sqlite:///runs.db", "/elsewhere", "sqlite:////elsewhere/runs.db"),
        ("sqlite:////q/runs.db", "/elsewhere", "sqlite:////q/runs.db"),
        ("sqlite:///runs.db", "/a?b/c%20d", "sqlite:////a%3Fb/c%2520d/runs.db"),
    ],
)
def test_a_typed_path_is_kept_as_the_configuration_counts_it(
    typed: str, here: str, kept: str
) -> None:
    assert counted_from_root(typed, Path(here), Path("/p")) == kept


def test_a_home_is_one_wherever_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert counted_from_root("~/photos", Path("/x"), Path("/p")) == "/home/me/photos"
    assert located(Path("/p"), "~/photos") == Path("/home/me/photos")
    assert located(Path("/p"), "photos") == Path("/p/photos")


def test_what_is_above_a_link_is_above_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "far" / "away")
    kept = counted_from_root("link/../photos", tmp_path / "root", tmp_path / "root")
    assert kept == str(tmp_path / "far" / "photos")


def test_what_declares_a_place() -> None:
    assert is_place(Place)
    assert is_place(Place | None)
    assert is_place(Annotated[Place, "more"])
    assert not any(map(is_place, (str, Text, Text | None, int, list[str])))


@pytest.mark.parametrize("name", ["tmpab12", "standalone/tmpab12"])
def test_what_dvc_did_not_copy(tmp_path: Path, name: str) -> None:
    """Its copies of a project hold the files that git knows."""
    copy = tmp_path / ".dvc" / "tmp" / "exps" / name
    for root in (tmp_path, copy):
        (root / "data" / "raw").mkdir(parents=True)
        (root / "data" / "raw" / "README.md").touch()
    assert not_copied(copy / "data" / "raw") == ""
    (tmp_path / "data" / "raw" / "1.png").touch()
    (tmp_path / "cloud.npy").touch()
    for name in ("data/raw", "cloud.npy"):
        said = not_copied(copy / name)
        assert f"-S data_path={tmp_path / name}" in said
        assert "git ignores" in said
        assert not_copied(tmp_path / name) == ""
    assert not_copied(copy / "nowhere") == ""


def test_a_home_that_there_is_not_is_a_name(tmp_path: Path) -> None:
    assert located(tmp_path, "~nobody-at-all/x") == tmp_path / "~nobody-at-all/x"
    assert counted_from_root("~nobody-at-all", tmp_path, tmp_path) == "~nobody-at-all"
