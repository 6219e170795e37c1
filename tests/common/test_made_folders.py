"""Folders that this program filled are recognised by what lies in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from snowmelt.common.made_folders import COMPOSED, PAGE, around, is_inside, is_made_here

MADE = {
    "prepared": {"manifest.json": "{}", "images.npy": ""},
    "points": {"manifest.json": "{}", "points.npy": ""},
    "samples": {"samples.json": "{}", "samples.npy": ""},
    "sweep": {"comparison.json": "{}", "comparison.png": ""},
    "mcmc": {"mcmc.json": "[]", "mcmc.png": ""},
    "reports": {"index.html": f"<!doctype html>\n{PAGE}\n"},
    "outputs": {"config.yaml": f"{COMPOSED} from conf/\n"},
}
NOT_MADE = {
    "prepared": {"manifest.json": "{}"},
    "outputs": {"config.yaml": "a: 1\n"},
    "site": {"index.html": "<!doctype html>\n<title>My photographs</title>\n"},
    "configurations": {"config.yaml": f"{COMPOSED} from conf/\n"},
    "mlartifacts": {"1.png": ""},
    "photos": {"samples.png": "", "metrics.json": ""},
}


def filled(top: Path, name: str, files: dict[str, str]) -> Path:
    folder = top / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", MADE)
def test_what_this_program_made(tmp_path: Path, name: str) -> None:
    folder = filled(tmp_path, name, MADE[name])
    assert is_made_here(folder)
    inner = folder / "figures" / "more"
    inner.mkdir(parents=True)
    assert around(inner) == folder
    assert around(tmp_path) is None


@pytest.mark.parametrize("name", NOT_MADE)
def test_what_others_made(tmp_path: Path, name: str) -> None:
    assert not is_made_here(filled(tmp_path, name, NOT_MADE[name]))


def test_the_artifacts_of_a_tracker_lie_beside_its_database(tmp_path: Path) -> None:
    folder = filled(tmp_path, "mlartifacts", {"1.png": ""})
    (tmp_path / "mlflow.db").touch()
    assert is_made_here(folder)


def test_inside_is_inside_through_links_too(tmp_path: Path) -> None:
    inner = tmp_path / "photos" / "cats"
    inner.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "photos")
    for place in (inner, inner / "not" / "there", link / "cats", tmp_path / "photos"):
        assert is_inside(place, tmp_path / "photos"), place
        assert is_inside(place, link), place
    assert not is_inside(tmp_path, tmp_path / "photos")
    assert not is_inside(tmp_path / "photos2", tmp_path / "photos")
    assert is_inside(tmp_path / "none" / "x", tmp_path / "none")
