"""Raw data that git ignores are in DVC's copy of a project before a stage looks at them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snowmelt.pipeline.dvc_copy import bring_raw_data

RAW = ("cats/1.png", "cats/more/2.png", "dogs/1.png", "README.md")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy as DVC makes it: of data/raw it has what git knows."""
    for name in RAW:
        file = tmp_path / "data" / "raw" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "abc"
    (copy / "data" / "raw").mkdir(parents=True)
    (copy / "data" / "raw" / "README.md").write_text("of git")
    (copy / "params.yaml").write_text("data_path: data/raw\n")
    monkeypatch.setenv("DVC_STAGE", "prepare")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return copy


def files(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def test_what_git_ignores_is_brought_and_nothing_replaced(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bring_raw_data(copy) == 3
    assert files(copy / "data/raw") == {n: n for n in RAW} | {"README.md": "of git"}
    assert "data/raw: 3 files that git ignores" in capsys.readouterr().out
    assert bring_raw_data(copy) == 0
    assert capsys.readouterr().out == ""


def test_it_costs_no_room(copy: Path, tmp_path: Path) -> None:
    bring_raw_data(copy)
    assert (copy / "data/raw/cats/1.png").samefile(tmp_path / "data/raw/cats/1.png")


def test_links_lead_where_they_led(copy: Path, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    (raw / "again").symlink_to("cats")
    (raw / "one.png").symlink_to("cats/1.png")
    (raw / "round").symlink_to("..")
    (raw / "nowhere").symlink_to("gone")
    assert bring_raw_data(copy) == 6
    assert (copy / "data/raw/again/1.png").samefile(raw / "cats/1.png")
    assert (copy / "data/raw/one.png").samefile(raw / "cats/1.png")
    assert not os.path.lexists(copy / "data/raw/nowhere")


def test_where_links_cannot_be_made_files_are_copied(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert bring_raw_data(copy) == 3
    assert files(copy / "data/raw")["cats/1.png"] == "cats/1.png"


@pytest.mark.parametrize("params", ["", "data_path: [", "data_path: /x", "data_path: ../x"])
def test_other_places_are_left_alone(copy: Path, params: str) -> None:
    (copy / "params.yaml").write_text(params)
    assert bring_raw_data(copy) == 0


@pytest.mark.parametrize("changed", [{"DVC_STAGE": None}, {"DVC_ROOT": None}, {}])
def test_the_project_itself_is_left_alone(
    copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, None],
) -> None:
    for name in changed:
        monkeypatch.delenv(name)
    assert bring_raw_data(copy if changed else tmp_path) == 0
    assert list(files(copy / "data/raw")) == ["README.md"]
