"""The nearest examples, against all distances at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from snowmelt.evaluation.metrics import nearest_examples
from snowmelt.evaluation.metrics.nearest_examples import nearest


@pytest.fixture(params=[(2**23, 2**22, 2**14), (60, 40, 5), (1, 1, 1)])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one row, of a few, and one for all."""
    for name, size in zip(("_BLOCK", "_MATRIX", "_POOL"), request.param, strict=True):
        monkeypatch.setattr(nearest_examples, name, size)


@pytest.mark.usefixtures("_blocks")
def test_the_two_nearest_whatever_the_blocks() -> None:
    random = np.random.default_rng(0)
    rows, among = random.normal(size=(37, 6)), random.normal(size=(23, 6))
    found = nearest(rows.astype(np.float32), among.astype(np.float32))
    every = cdist(rows.astype(np.float32), among.astype(np.float32))
    assert found.row.tolist() == every.argmin(axis=1).tolist()
    np.testing.assert_allclose(found.distance, np.sort(every, axis=1)[:, 0])
    np.testing.assert_allclose(found.second, np.sort(every, axis=1)[:, 1])


@pytest.mark.usefixtures("_blocks")
def test_a_copy_is_at_no_distance_and_images_are_exact() -> None:
    random = np.random.default_rng(0)
    among = random.integers(0, 256, (30, 3, 4, 4)).astype(np.uint8)
    rows = np.concatenate([among[7:9], among[3:4]])
    rows[2, 0, 0, 0] ^= 1
    found = nearest(rows, among, unit=2.0)
    assert found.row.tolist() == [7, 8, 3]
    assert found.distance.tolist() == [0.0, 0.0, 0.5]
    far = nearest(rows.astype(np.float32) + 1e6, among.astype(np.float32) + 1e6)
    assert far.distance.tolist() == [0.0, 0.0, 1.0]


def test_one_example_alone_has_no_second() -> None:
    found = nearest(np.zeros((2, 3)), np.array([[3.0, 4.0, 0.0]]))
    assert found.distance.tolist() == [5.0, 5.0]
    assert np.isinf(found.second).all()
    with pytest.raises(ValueError, match="cannot be compared"):
        nearest(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="cannot be compared"):
        nearest(np.zeros((2, 3)), np.zeros((0, 3)))


def test_memory_is_bounded_by_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    whole = nearest_examples._two_of

    def watched(
        rows: nearest_examples.Tensor, among: np.ndarray, room: nearest_examples.Tensor
    ) -> np.ndarray:
        pool = room.shape[2]
        seen.append((rows.numel(), pool * rows.shape[1], room[0].numel()))
        return whole(rows, among, room)

    monkeypatch.setattr(nearest_examples, "_two_of", watched)
    monkeypatch.setattr(nearest_examples, "_BLOCK", 2**10)
    monkeypatch.setattr(nearest_examples, "_MATRIX", 2**8)
    for count in (100, 1000):
        nearest(np.zeros((count, 8), np.float32), np.zeros((count, 8), np.float32))
    assert max(block for block, _, _ in seen) <= 2**10
    assert max(pool for _, pool, _ in seen) <= 2**10
    assert max(matrix for _, _, matrix in seen) <= 2**8
