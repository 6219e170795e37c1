"""Tiny data for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData

MakeData = Callable[..., PreparedData]


def bars(count: int, shape: tuple[int, int, int], seed: int = 0) -> tuple[np.ndarray, ...]:
    """Noisy pictures of one upright (class 0) or lying (class 1) bar, levels 0 to 16."""
    random = np.random.default_rng(seed)
    _, height, width = shape
    labels = np.arange(count) % 2
    images = random.integers(0, 5, (count, *shape))
    for image, label in zip(images, labels, strict=True):
        place = random.integers(1, (width, height)[label] - 1)
        if label:
            image[:, place, :] = 14
        else:
            image[:, :, place] = 14
    return images.astype(np.uint8), labels.astype(np.int64)


@pytest.fixture
def make_images(tmp_path: Path) -> MakeData:
    """A function that prepares bars; `classes` 0 leaves the labels out, 1 keeps one."""

    def make(
        count: int = 120,
        shape: tuple[int, int, int] = (1, 8, 8),
        classes: int = 2,
        seed: int = 0,
        name: str = "bars",
    ) -> PreparedData:
        images, labels = bars(count, shape, seed)
        names = ("upright", "lying")[:classes] or None
        folder = tmp_path / name
        dataset.write(
            folder,
            examples=images,
            labels=np.minimum(labels, classes - 1) if names else None,
            classes=names,
            name=name,
            value_range=(0, 16),
            held_out_fraction=0.3,
            config={"name": name, "seed": seed},
        )
        return PreparedData.open(folder)

    return make


@pytest.fixture
def make_points(tmp_path: Path) -> MakeData:
    """A function that prepares Gaussian points."""

    def make(count: int = 100, dimension: int = 2, name: str = "cloud") -> PreparedData:
        points = np.random.default_rng(0).normal(3.0, 2.0, (count, dimension))
        dataset.write(
            tmp_path / name,
            examples=points.astype(np.float32),
            name=name,
            held_out_fraction=0.3,
            config={"name": name},
        )
        return PreparedData.open(tmp_path / name)

    return make
