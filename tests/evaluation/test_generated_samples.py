"""Samples are what their description says, and like the data; else one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sample_folders import describe, put

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import generated_samples


def read(folder: Path, data: PreparedData) -> Any:
    return generated_samples.read(folder, data.manifest, data.folder)


def test_samples_come_with_their_description(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    samples, description = read(
        put(tmp_path / "s", data.train[:5], data.manifest, seed=7), data
    )
    assert np.array_equal(samples, data.train[:5])
    assert description["seed"] == 7


def test_another_shape_names_both(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    folder = put(tmp_path / "s", np.zeros((5, 3, 32, 32), np.uint8), data.manifest)
    with pytest.raises(UserError) as caught:
        read(folder, data)
    for part in (f"{folder}/samples.npy", "(3, 32, 32)", str(data.folder), "(1, 8, 8)"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("samples", "wrong"),
    [
        (np.zeros((5, 1, 8, 8), np.float32), "float32"),
        (np.uint8(3), r"shape \(\)"),
        (np.zeros((1, 1, 8, 8), np.uint8), r"1 sample\(s\).*num_samples"),
        (np.zeros((0, 1, 8, 8), np.uint8), r"0 sample\(s\)"),
        (np.full((5, 1, 8, 8), 17, np.uint8), "17 to 17, the data's range is 0 to 16"),
    ],
)
def test_samples_unlike_the_data(
    make_images: Callable, tmp_path: Path, samples: Any, wrong: str
) -> None:
    data = make_images()
    with pytest.raises(UserError, match=wrong):
        read(put(tmp_path / "s", samples, data.manifest), data)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_not_finite(
    make_points: Callable, tmp_path: Path, value: float
) -> None:
    points = np.zeros((5, 2), np.float32)
    points[3, 1] = value
    data = make_points()
    with pytest.raises(UserError, match=r"samples\.npy holds points that are not finite"):
        read(put(tmp_path / "s", points, data.manifest), data)


def test_another_file_than_described(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    folder = put(tmp_path / "s", data.train[:5], data.manifest)
    np.save(folder / "samples.npy", data.train[1:6])
    with pytest.raises(UserError, match=r"samples\.npy is not as `snowmelt sample` wrote"):
        read(folder, data)


def test_the_arrays_of_pictures_are_looked_at_too(
    make_images: Callable, tmp_path: Path
) -> None:
    data = make_images()
    folder = put(tmp_path / "s", data.train[:5], data.manifest)
    np.savez(folder / "trajectory.npz", frames=np.zeros(3))
    describe(folder, data.manifest)
    read(folder, data)
    np.savez(folder / "trajectory.npz", frames=np.ones(3))
    with pytest.raises(UserError, match=r"trajectory\.npz is not as `snowmelt sample`"):
        read(folder, data)


def test_samples_of_a_model_of_other_data_are_refused(
    make_images: Callable, tmp_path: Path
) -> None:
    """Of one shape and range, so that nothing but the digest tells them apart."""
    data, other = make_images(), make_images(seed=1, name="others")
    folder = put(tmp_path / "s", other.train[:5], other.manifest)
    with pytest.raises(UserError, match=r"samples of a model of the data .*snowmelt train"):
        read(folder, data)
    read(folder, other)


def test_completions_of_other_examples_are_refused(
    make_images: Callable, tmp_path: Path
) -> None:
    data = make_images()
    own = data.manifest.digests["images.npy"]
    read(put(tmp_path / "s", data.train[:5], data.manifest, examples=own), data)
    folder = put(tmp_path / "s", data.train[:5], data.manifest, examples="e" * 64)
    with pytest.raises(UserError, match="completions of other examples"):
        read(folder, data)


CHECKPOINT = {"identity": "c", "step": 6000, "weights": "ema", "sha256": "x"}


@pytest.mark.parametrize(
    "changes",
    [
        {"num_samples": 4},
        {"num_samples": "5"},
        {"data": None},
        {"digest": "d" * 64},
        {"digests": []},
        {"seed": None},
        {"sampler": "ddim"},
        {"checkpoint": "c"},
        {"checkpoint": CHECKPOINT | {"weights": "foo"}},
        {"checkpoint": CHECKPOINT | {"sha256": None}},
        {"checkpoint": CHECKPOINT | {"step": "many"}},
    ],
)
def test_a_description_of_something_else_is_refused(
    make_images: Callable, tmp_path: Path, changes: dict[str, Any]
) -> None:
    data = make_images()
    folder = put(tmp_path / "s", data.train[:5], data.manifest, **changes)
    with pytest.raises(UserError, match=r"samples\.(json|npy) .*: run `snowmelt sample`"):
        read(folder, data)


def test_a_description_that_was_edited_is_refused(
    make_images: Callable, tmp_path: Path
) -> None:
    data = make_images()
    file = put(tmp_path / "s", data.train[:5], data.manifest) / "samples.json"
    file.write_text(file.read_text().replace('"ema"', '"raw"'))
    with pytest.raises(UserError, match=r"samples\.json is not as `snowmelt sample` wrote"):
        read(file.parent, data)


@pytest.mark.parametrize("name", ["samples.npy", "samples.json"])
def test_missing_and_damaged_files(
    make_images: Callable, tmp_path: Path, name: str
) -> None:
    data = make_images()
    folder = put(tmp_path / "s", data.train[:5], data.manifest)
    (folder / name).write_bytes(b"junk")
    with pytest.raises(UserError, match=rf"{name} is not .*`snowmelt sample`"):
        read(folder, data)
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"{name} is missing: run `snowmelt sample`"):
        read(folder, data)


def test_a_pickle_is_not_loaded(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    folder = put(tmp_path / "s", np.array([{"a": 1}], dtype=object), data.manifest)
    with pytest.raises(UserError, match=r"samples\.npy is not a readable array"):
        read(folder, data)


def test_samples_of_training_starts_are_pairs_and_no_measure(
    make_images: Callable, tmp_path: Path
) -> None:
    data = make_images()
    read(put(tmp_path / "s", data.train[:5], data.manifest, starts="held_out"), data)
    folder = put(tmp_path / "t", data.train[:5], data.manifest, starts="training")
    with pytest.raises(UserError, match=r"begin at training starts.*starts=held_out"):
        read(folder, data)
