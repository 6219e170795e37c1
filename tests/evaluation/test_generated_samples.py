"""Samples are what their description says, and like the data; else one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import generated_samples


def put(folder: Path, samples: Any, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / "samples.npy", samples)
    digest = sha256(folder / "samples.npy")
    (folder / "samples.json").write_text(json.dumps({"digest": digest} | changes))
    return folder


def read(folder: Path, data: PreparedData) -> Any:
    return generated_samples.read(folder, data.manifest, data.folder)


def test_samples_come_with_their_description(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    samples, description = read(put(tmp_path / "s", data.train[:5], seed=7), data)
    assert np.array_equal(samples, data.train[:5])
    assert description["seed"] == 7


def test_another_shape_names_both(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    folder = put(tmp_path / "s", np.zeros((5, 3, 32, 32), np.uint8))
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
    with pytest.raises(UserError, match=wrong):
        read(put(tmp_path / "s", samples), make_images())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_not_finite(
    make_points: Callable, tmp_path: Path, value: float
) -> None:
    points = np.zeros((5, 2), np.float32)
    points[3, 1] = value
    with pytest.raises(UserError, match=r"samples\.npy holds points that are not finite"):
        read(put(tmp_path / "s", points), make_points())


def test_another_file_than_described(make_images: Callable, tmp_path: Path) -> None:
    data = make_images()
    folder = put(tmp_path / "s", data.train[:5], digest="other")
    with pytest.raises(
        UserError, match=r"samples\.npy is not the file that .*samples\.json"
    ):
        read(folder, data)


@pytest.mark.parametrize("name", ["samples.npy", "samples.json"])
def test_missing_and_damaged_files(
    make_images: Callable, tmp_path: Path, name: str
) -> None:
    data = make_images()
    folder = put(tmp_path / "s", data.train[:5])
    (folder / name).write_bytes(b"junk")
    with pytest.raises(UserError, match=rf"{name} is not .*`snowmelt sample`"):
        read(folder, data)
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"{name} is missing: run `snowmelt sample`"):
        read(folder, data)


def test_a_pickle_is_not_loaded(make_images: Callable, tmp_path: Path) -> None:
    folder = put(tmp_path / "s", np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"samples\.npy is not a readable array"):
        read(folder, make_images())
