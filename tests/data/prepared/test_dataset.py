"""The prepared form: what is written is what is read, to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.data.prepared.dataset import PreparedData, write
from snowmelt.data.prepared.manifest import Manifest


def labelled(count: int = 40) -> dict[str, Any]:
    """Images whose every pixel is the row's number, so that rows can be recognised."""
    numbers = np.arange(count, dtype=np.uint8)
    return {
        "examples": np.broadcast_to(numbers[:, None, None, None], (count, 1, 3, 2)),
        "labels": (numbers % 4).astype(np.int64),
        "classes": ("a", "b", "c", "d"),
        "value_range": (0, 99),
        "name": "numbers",
        "config": {"size": 3, "path": "here"},
    }


def points(count: int = 50, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    cloud = rng.normal([5.0, -3.0], [1.0, 2.0], (count, 2)).astype(np.float32)
    return {"examples": cloud, "name": "cloud"} | changes


def test_labels_follow_their_examples(tmp_path: Path) -> None:
    manifest = write(tmp_path / "p", **labelled())
    data = PreparedData.open(tmp_path / "p")
    assert data.manifest == manifest
    assert data.shape == (1, 3, 2)
    assert (len(data.train), len(data.held_out)) == (32, 8)
    rows = np.concatenate([data.train, data.held_out])[:, 0, 0, 0]
    assert sorted(rows.tolist()) == list(range(40))
    assert data.train_labels is not None
    assert data.held_out_labels is not None
    assert np.array_equal(data.train_labels, data.train[:, 0, 0, 0] % 4)
    assert np.array_equal(data.held_out_labels, data.held_out[:, 0, 0, 0] % 4)
    assert np.bincount(data.held_out_labels).tolist() == [2, 2, 2, 2]


def test_the_manifest_describes_the_files(tmp_path: Path) -> None:
    write(tmp_path / "p", **labelled(), skipped=(), notes=("a note",))
    plain = json.loads((tmp_path / "p" / "manifest.json").read_text())
    assert plain["kind"] == "images"
    assert (plain["count"], plain["train_count"], plain["held_out_count"]) == (
        40,
        32,
        8,
    )
    assert (plain["shape"], plain["dtype"]) == ([1, 3, 2], "uint8")
    assert (plain["value_range"], plain["levels"]) == ([0, 99], 100)
    assert plain["class_counts"] == {"a": 10, "b": 10, "c": 10, "d": 10}
    assert plain["split"] == {"kind": "stratified", "seed": 0, "held_out_fraction": 0.2}
    assert plain["config"] == {"size": 3, "path": "here"}
    assert plain["notes"] == ["a note"]
    for file, digest in plain["digests"].items():
        assert sha256(tmp_path / "p" / file) == digest
    assert set(plain["digests"]) == {"images.npy", "labels.npy"}


@pytest.mark.parametrize("arguments", [labelled(), points()])
def test_same_inputs_same_bytes(tmp_path: Path, arguments: dict[str, Any]) -> None:
    for folder in ("first", "second"):
        write(tmp_path / folder, **arguments)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    for file in files:
        first, second = (tmp_path / folder / file for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), file


def test_the_split_seed_changes_the_rows(tmp_path: Path) -> None:
    first = write(tmp_path / "0", **labelled(), split_seed=0)
    second = write(tmp_path / "1", **labelled(), split_seed=1)
    assert first.digests != second.digests


def test_more_rows_than_a_chunk_are_all_written(tmp_path: Path) -> None:
    cloud = np.arange(2 * 5000, dtype=np.float32).reshape(5000, 2)
    write(tmp_path / "p", examples=cloud, name="line")
    data = PreparedData.open(tmp_path / "p")
    rows = np.concatenate([data.train, data.held_out])
    assert np.array_equal(rows[np.argsort(rows[:, 0])], cloud)


def test_points_carry_the_moments_of_the_training_split(tmp_path: Path) -> None:
    manifest = write(tmp_path / "p", **points())
    train = PreparedData.open(tmp_path / "p").train.astype(np.float64)
    assert manifest.mean == pytest.approx(train.mean(axis=0))
    scale = np.sqrt(((train - train.mean(axis=0)) ** 2).mean())
    assert manifest.std == pytest.approx(scale)
    assert (manifest.levels, manifest.classes, manifest.dtype) == (
        None,
        None,
        "float32",
    )
    assert not (tmp_path / "p" / "labels.npy").exists()


def test_the_arrays_are_views_that_cannot_be_changed(tmp_path: Path) -> None:
    write(tmp_path / "p", **labelled())
    data = PreparedData.open(tmp_path / "p")
    assert isinstance(data.train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        data.train[0] = 0


def test_copies_are_noted(tmp_path: Path) -> None:
    same = np.zeros((10, 1, 2, 2), np.uint8)
    manifest = write(tmp_path / "p", examples=same, name="same", value_range=(0, 1))
    assert manifest.notes == ("2 held-out examples are equal to a training example",)


def test_equal_points_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all points of the training split are the same"):
        write(tmp_path / "p", examples=np.ones((9, 2), np.float32), name="one")
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_the_old_data(tmp_path: Path) -> None:
    write(tmp_path / "p", **labelled())
    with pytest.raises(UserError):
        write(tmp_path / "p", **points(count=3))
    assert PreparedData.open(tmp_path / "p").manifest.name == "numbers"
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize(
    "changes",
    [
        {"examples": np.zeros((9, 3, 2), np.uint8)},
        {"examples": np.zeros((9, 1, 3, 2), np.float32)},
        {"value_range": None},
        {"value_range": (5, 5)},
        {"value_range": (0, 256)},
        {"labels": None},
        {"labels": np.zeros(39, np.int64)},
        {"labels": np.full(40, 4)},
        {"labels": np.zeros(40, np.int32)},
    ],
)
def test_arguments_that_do_not_fit(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|come together"):
        write(tmp_path / "p", **(labelled() | changes))


def test_made_from(tmp_path: Path) -> None:
    write(tmp_path / "p", **labelled())
    data = PreparedData.open(tmp_path / "p")
    data.check_made_from({"path": "here", "size": 3})
    with pytest.raises(UserError, match=r"data\.size=3, the configuration says 4.*prepare"):
        data.check_made_from({"path": "here", "size": 4})
    with pytest.raises(UserError, match=r"data\.more=None"):
        data.check_made_from({"path": "here", "size": 3, "more": 1})


@pytest.mark.parametrize("value", [None, False])
def test_a_choice_that_was_not_there_was_not_made(tmp_path: Path, value: Any) -> None:
    write(tmp_path / "p", **labelled())
    PreparedData.open(tmp_path / "p").check_made_from(
        {"path": "here", "size": 3, "new": value}
    )


@pytest.mark.parametrize("value", [0, 0.0, "", [], True])
def test_a_number_is_a_choice_though_it_is_zero(tmp_path: Path, value: Any) -> None:
    """Zero equals false, and is not what a choice that was not made would be."""
    write(tmp_path / "p", **labelled())
    data = PreparedData.open(tmp_path / "p")
    with pytest.raises(UserError, match=r"prepared with data\.new=None"):
        data.check_made_from({"path": "here", "size": 3, "new": value})


def test_nothing_prepared(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"manifest\.json is missing: run `snowmelt prepare`"
    ):
        PreparedData.open(tmp_path)


@pytest.mark.parametrize("file", ["images.npy", "labels.npy"])
def test_damaged_arrays(tmp_path: Path, file: str) -> None:
    write(tmp_path / "p", **labelled())
    path = tmp_path / "p" / file
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(UserError, match=f"{file} is not a readable array"):
        PreparedData.open(tmp_path / "p")
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=file):
        PreparedData.open(tmp_path / "p")
    np.save(path, np.zeros(7))
    with pytest.raises(UserError, match=f"{file} is float64.*the manifest says"):
        PreparedData.open(tmp_path / "p")
    path.unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        PreparedData.open(tmp_path / "p")


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    write(tmp_path / "p", **labelled())
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (trap.touch, ())

    pickled = np.array([Trap()], dtype=object)
    np.save(tmp_path / "p" / "images.npy", pickled, allow_pickle=True)
    with pytest.raises(UserError, match="not a readable array"):
        PreparedData.open(tmp_path / "p")
    assert not trap.exists()


def test_the_manifest_is_importable_from_here() -> None:
    assert Manifest.__module__ == "snowmelt.data.prepared.manifest"


def test_the_levels_that_occur(tmp_path: Path) -> None:
    manifest = write(tmp_path / "p", **labelled())
    assert manifest.seen_levels == {"least": 0, "greatest": 39, "distinct": 40}
    assert write(tmp_path / "q", **points()).seen_levels is None


def test_a_class_that_training_would_not_see_is_refused_by_every_stage(
    tmp_path: Path,
) -> None:
    raw = labelled() | {"held_out": np.arange(40) % 4 == 2}
    write(tmp_path / "p", **raw)
    with pytest.raises(UserError, match=r"no example to train on is of the class c: add"):
        PreparedData.open(tmp_path / "p")
