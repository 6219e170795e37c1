"""A finished training is known again, wherever it lies, and only while it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from snowmelt.training.finished import KNOWN, Finished

IDENTITY = "ab" * 32


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.ckpt").write_bytes(b"weights")
    (folder / "losses.csv").write_text("step,loss\n")
    return folder


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    return Finished(tmp_path / "notes", IDENTITY)


def test_it_is_found_where_it_was_made(tmp_path: Path, finished: Finished) -> None:
    model = made(tmp_path / "model")
    assert finished.find(model) is None  # nobody has said what it is
    finished.remember(model)
    assert finished.find(model) == model
    assert Finished(tmp_path / "notes", "cd" * 32).find(model) is None


def test_it_is_taken_from_elsewhere(tmp_path: Path, finished: Finished) -> None:
    model, target = made(tmp_path / "model"), tmp_path / "run" / "model"
    finished.remember(model)
    assert finished.find(target) == model
    finished.take(model, target, "model.ckpt")
    assert (target / "model.ckpt").read_bytes() == b"weights"
    assert (target / "losses.csv").is_file()
    (model / "model.ckpt").unlink()
    assert finished.find(model) == target


@pytest.mark.parametrize("name", ["model.ckpt", "losses.csv"])
def test_what_is_damaged_or_gone_is_not_taken(
    tmp_path: Path, finished: Finished, name: str
) -> None:
    model = made(tmp_path / "model")
    finished.remember(model)
    (model / name).write_bytes(b"weighty")
    assert finished.find(model) is None
    (model / name).unlink()
    assert finished.find(model) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"identity": "other"}', b"\xff"])
def test_a_note_that_cannot_be_read_is_none(
    tmp_path: Path, finished: Finished, content: bytes
) -> None:
    model = made(tmp_path / "model")
    finished.remember(model)
    finished.note.write_bytes(content)
    assert finished.find(model) is None
    finished.remember(model)
    assert finished.find(model) == model


def test_the_newest_folders_are_remembered(tmp_path: Path, finished: Finished) -> None:
    for number in range(KNOWN + 2):
        finished.remember(made(tmp_path / str(number)))
    assert len(finished._folders()) == KNOWN
    assert finished._folders()[0] == str(tmp_path / str(KNOWN + 1))
