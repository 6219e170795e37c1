"""Degraded rows are those of the data, in its order, by the arithmetic that is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset, degraded_rows
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.diffusion.operators import Blur, Downsample, Gray, LinearOperator
from snowmelt.sampling.guidance.masks import Keep, Scattered, Side

LEVELS = (0, 200)


def prepared(
    folder: Path, shape: tuple[int, ...] = (3, 4, 4), labels: bool = False, seed: int = 0
) -> PreparedData:
    """Thirty images of 201 levels."""
    random = np.random.default_rng(seed)
    images = random.integers(0, LEVELS[1] + 1, (30, *shape)).astype(np.uint8)
    classes = {"labels": np.arange(30) % 3, "classes": ("a", "b", "c")} if labels else {}
    dataset.write(folder, examples=images, name="noise", value_range=LEVELS, **classes)
    return PreparedData.open(folder)


def degraded(data: PreparedData, operator: LinearOperator) -> PreparedData:
    degraded_rows.write(data.folder / FOLDER, data, operator, {"by": "this"})
    return PreparedData.open(data.folder / FOLDER)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.uint8)


def test_gray_is_the_mean_of_the_channels_in_all_of_them(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    found = degraded(data, Gray())
    for of_data, of_start in ((data.train, found.train), (data.held_out, found.held_out)):
        mean = of_data.astype(float).mean(axis=1, keepdims=True)
        np.testing.assert_array_equal(of_start, rounded(np.repeat(mean, 3, axis=1)))


def test_low_resolution_is_the_mean_of_each_square_in_all_of_it(tmp_path: Path) -> None:
    data = prepared(tmp_path, (1, 4, 6))
    found = degraded(data, Downsample(2))
    for row, image in zip(found.held_out, data.held_out.astype(float), strict=True):
        for top in range(0, 4, 2):
            for left in range(0, 6, 2):
                square = image[0, top : top + 2, left : left + 2]
                shown = row[0, top : top + 2, left : left + 2]
                assert (shown == rounded(np.full((2, 2), square.mean()))).all()


def test_a_blur_is_the_sum_over_the_torus_with_its_weights(tmp_path: Path) -> None:
    data = prepared(tmp_path, (1, 6, 6))
    found = degraded(data, Blur(0.8))
    # The spectrum exp(-2 pi^2 w^2 f^2) as weights of pixels, by the sum over frequencies.
    f = np.fft.fftfreq(6)
    spectrum = np.exp(-2 * np.pi**2 * 0.8**2 * f**2)
    weight = [
        np.mean([s * np.cos(2 * np.pi * g * d) for g, s in zip(f, spectrum, strict=True)])
        for d in range(6)
    ]
    circulant = np.array([[weight[(i - j) % 6] for j in range(6)] for i in range(6)])
    by_hand = circulant @ data.train[:, 0].astype(float) @ circulant.T
    # Two roundings of one value may fall on both sides of a half.
    gap = found.train[:, 0].astype(float) - np.clip(by_hand, *LEVELS)
    assert np.abs(gap).max() <= 0.5 + 1e-4


def test_rows_splits_and_classes_are_those_of_the_data(tmp_path: Path) -> None:
    data = prepared(tmp_path, labels=True)
    found = degraded(data, Gray())
    ours, theirs = found.manifest, data.manifest
    assert ours.split == theirs.split | {"rows_of": theirs.digest}
    assert (ours.train_count, ours.classes) == (theirs.train_count, theirs.classes)
    np.testing.assert_array_equal(found.train_labels, data.train_labels)
    np.testing.assert_array_equal(found.held_out_labels, data.held_out_labels)
    found.verify().finish()
    whole = np.concatenate([found.train, found.held_out])
    assert ours.seen_levels == {
        "least": whole.min(),
        "greatest": whole.max(),
        "distinct": len(np.unique(whole)),
    }
    # Though the split is stratified, which says nothing of two sources with one seed.
    starts = StartPoints.open(tmp_path, theirs)
    starts.check_paired()
    assert starts.are_the_datas_own


def test_rows_of_other_data_are_refused(tmp_path: Path) -> None:
    data = prepared(tmp_path / "one")
    other = prepared(tmp_path / "two", seed=1)
    degraded_rows.write(data.folder / FOLDER, other, Gray())
    with pytest.raises(UserError, match="degraded rows of other data than noise: run"):
        StartPoints.open(data.folder, data.manifest)


@pytest.mark.parametrize(
    ("shape", "operator", "said"),
    [
        ((1, 4, 4), Gray(), "Gray needs colour, the images have 1 channel"),
        ((3, 4, 4), Downsample(3), "factor=3 does not divide images of 4x4"),
        ((3, 4, 4), Keep(Scattered(0.5)), "all examples are degraded alike"),
    ],
)
def test_what_data_has_nothing_for_is_refused(
    tmp_path: Path, shape: tuple[int, ...], operator: LinearOperator, said: str
) -> None:
    data = prepared(tmp_path, shape)
    with pytest.raises(UserError, match=f"start.by: .*{said}"):
        degraded(data, operator)
    assert not (tmp_path / FOLDER).exists()


def test_points_are_not_degraded(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    dataset.write(tmp_path, examples=points, name="points")
    data = PreparedData.open(tmp_path)
    for operator in (Gray(), Keep(Side(0.5))):
        with pytest.raises(UserError, match=r"start.by: .*the data has the shape \(2,\)"):
            degraded(data, operator)


def test_a_hidden_side_is_degraded_to_the_middle_of_the_range(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    found = degraded(data, Keep(Side(0.5)))
    np.testing.assert_array_equal(found.train[..., :2], data.train[..., :2])
    assert (found.train[..., 2:] == 100).all()
