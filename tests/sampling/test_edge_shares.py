"""The last safety net: values that went to the edge of the data."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.sampling.edge_shares import doubt, edge_shares

LEVELS = np.random.default_rng(0).integers(0, 17, (50, 1, 4, 4)).astype(np.uint8)
PINNED = np.where(LEVELS < 8, 0, 16).astype(np.uint8)
CLOUD = np.random.default_rng(1).normal(3.0, 2.0, (200, 2)).astype(np.float32)


def manifest(**given: object) -> Manifest:
    empty: dict = dict.fromkeys(Manifest.__dataclass_fields__)
    return Manifest(**{**empty, "kind": "images", "name": "some", **given})


@pytest.fixture
def images() -> Manifest:
    return manifest(shape=(1, 4, 4), value_range=(0, 16))


@pytest.fixture
def points() -> Manifest:
    return manifest(kind="points", shape=(2,), mean=(3.0, 3.0), std=2.0)


def said(samples: np.ndarray, data: np.ndarray | None, manifest: Manifest) -> str | None:
    return doubt(edge_shares(samples, data, manifest), manifest)


def test_pixels_of_two_levels_alone_are_seen(images: Manifest) -> None:
    text = said(PINNED, LEVELS, images)
    assert text is not None
    assert text.startswith("100% of the samples' values are 0 or 16, in the data 1")
    assert said(LEVELS, LEVELS[:10], images) is None


def test_data_that_is_so_itself_is_no_reason_to_doubt(images: Manifest) -> None:
    assert said(PINNED, PINNED[:10], images) is None
    assert edge_shares(PINNED, PINNED, images) == {"samples": 1.0, "data": 1.0}


def test_without_the_data_images_are_not_judged(images: Manifest) -> None:
    assert edge_shares(PINNED, None, images) == {"samples": 1.0, "data": None}
    assert said(PINNED, None, images) is None


def test_points_far_from_all_data_are_seen(points: Manifest) -> None:
    astray = 3.0 + 10.0 * (CLOUD - 3.0)
    for data in (CLOUD, None):
        text = said(astray, data, points)
        assert text is not None
        assert "lie far outside of the data" in text
        assert said(CLOUD, data, points) is None
