"""Prepared starts: their order in training, their units, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream
from snowmelt.data.prepared import dataset, degraded_rows
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.row_order import RowOrder
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import FOLDER, StartPoints, made_from
from snowmelt.diffusion.operators import Gray

SOURCE = {"_target_": "snowmelt.data.Array", "name": "far", "path": "far.npy"}


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Thirty points, and twenty others to begin with."""
    drawn = np.random.default_rng(0)
    near, far = drawn.normal(size=(30, 2)), 5.0 + 2.0 * drawn.normal(size=(20, 2))
    folder = tmp_path / "prepared"
    dataset.write(folder, examples=near.astype(np.float32), name="near")
    written = far.astype(np.float32)
    dataset.write(folder / FOLDER, examples=written, name="far", config=SOURCE)
    return folder


def opened(prepared: Path) -> tuple[StartPoints, Manifest]:
    manifest = dataset.PreparedData.open(prepared).manifest
    return StartPoints.open(prepared, manifest), manifest


def test_training_starts_are_in_the_units_of_the_data(prepared: Path) -> None:
    starts, manifest = opened(prepared)
    slot = torch.arange(16)
    drawn = starts.at_step(slot, batch_size=16, seed=3, step=0)
    assert drawn.dtype == torch.float32
    expected = to_model(torch.from_numpy(np.array(starts.data.train)), manifest)
    # One order of all sixteen: each is drawn once.
    assert torch.equal(drawn[drawn[:, 0].argsort()], expected[expected[:, 0].argsort()])
    assert float(drawn.mean()) > 2.0  # not standardised by their own moments


def test_starts_follow_from_seed_step_and_place(prepared: Path) -> None:
    starts, _ = opened(prepared)
    whole = starts.at_step(torch.arange(12), batch_size=12, seed=3, step=5)
    parts = [
        starts.at_step(slot, batch_size=12, seed=3, step=5)
        for slot in torch.arange(12).split(4)
    ]
    assert torch.equal(torch.cat(parts), whole)
    fresh, _ = opened(prepared)
    assert torch.equal(
        fresh.at_step(torch.arange(12), batch_size=12, seed=3, step=5), whole
    )
    for other in ({"seed": 4, "step": 5}, {"seed": 3, "step": 6}):
        assert not torch.equal(
            starts.at_step(torch.arange(12), batch_size=12, **other), whole
        )


def test_their_order_is_not_that_of_the_data() -> None:
    # Of as many rows, the same order would pair the same two for ever.
    place = np.arange(100)
    one, two = (
        RowOrder(100, seed=3, stream=stream).rows(place)
        for stream in (Stream.DATA_ORDER, Stream.START_ORDER)
    )
    assert sorted(one) == sorted(two) == list(range(100))
    assert (one != two).mean() > 0.9


def test_paired_starts_follow_the_order_of_the_data(tmp_path: Path) -> None:
    near = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    dataset.write(tmp_path, examples=near, name="near")
    dataset.write(tmp_path / FOLDER, examples=near + 100.0, name="far")
    starts, manifest = opened(tmp_path)
    starts.check_paired()
    data = dataset.PreparedData.open(tmp_path)
    place = np.arange(10) + 3 * 10
    rows = RowOrder(24, seed=3, stream=Stream.DATA_ORDER).rows(place)
    given = {"batch_size": 10, "seed": 3, "step": 3}
    drawn = starts.at_step(torch.arange(10), is_paired=True, **given)
    expected = to_model(torch.from_numpy(data.train[rows] + 100.0), manifest)
    torch.testing.assert_close(drawn, expected, rtol=1e-5, atol=1e-4)


def test_rows_that_are_no_pairs_are_refused(prepared: Path) -> None:
    starts, _ = opened(prepared)
    with pytest.raises(UserError, match=r"they have 30 and 20 examples.*same split_seed"):
        starts.check_paired()


def test_samples_start_from_the_held_out_points_in_their_order(prepared: Path) -> None:
    starts, manifest = opened(prepared)
    assert starts.sampled_count == 4
    held_out = to_model(torch.from_numpy(np.array(starts.data.held_out)), manifest)
    assert torch.equal(starts(torch.arange(4), seed=9), held_out)
    assert torch.equal(starts(torch.tensor([6, 1])), held_out[[2, 1]])


def test_images_have_levels_of_their_own(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 17, size=(20, 1, 4, 4)).astype(np.uint8)
    dataset.write(tmp_path, examples=15 * levels, name="bright", value_range=(0, 255))
    dataset.write(tmp_path / FOLDER, examples=levels, name="dim", value_range=(0, 16))
    starts, _ = opened(tmp_path)
    drawn = starts(torch.arange(4))
    # By the levels of the data, which are more, all would be close to -1.
    assert float(drawn.min()) < -0.5
    assert 0.5 < float(drawn.max()) <= 1.0


def test_other_shapes_and_other_sources_are_refused(prepared: Path) -> None:
    starts, manifest = opened(prepared)
    starts.check_made_from(SOURCE)
    with pytest.raises(UserError, match=r"start.of.name=far, the configuration says near"):
        starts.check_made_from(SOURCE | {"name": "near"})
    solid = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    dataset.write(prepared / FOLDER, examples=solid, name="solid")
    with pytest.raises(UserError, match=r"start: solid holds points of the shape \(3,\)"):
        StartPoints.open(prepared, manifest)
    with pytest.raises(UserError, match="snowmelt prepare"):
        StartPoints.open(prepared / "nowhere", manifest)


# ---- the data's own rows, degraded

GRAY = {"_target_": "snowmelt.operators.Gray"}
NOISY = {"_target_": "snowmelt.starts.Degraded", "by": GRAY, "noise_std": 0.3}


@pytest.fixture
def coloured(tmp_path: Path) -> StartPoints:
    """Forty colour images and their grey, which gets noise."""
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 4, 4)).astype(np.uint8)
    dataset.write(tmp_path, examples=images, name="noise", value_range=(0, 255))
    data = dataset.PreparedData.open(tmp_path)
    degraded_rows.write(tmp_path / FOLDER, data, Gray(), dict(made_from(NOISY)[1]))
    return StartPoints.open(tmp_path, data.manifest, NOISY)


def data_of(starts: StartPoints) -> dataset.PreparedData:
    return dataset.PreparedData.open(starts.data.folder.parent)


def test_pairs_stay_pairs_at_every_step_and_in_every_part_of_a_batch(
    coloured: StartPoints,
) -> None:
    """Five passes in their shuffled orders, in batches that two processes share."""
    data, gray = data_of(coloured), Gray().at(torch.arange(1), (3, 4, 4), seed=0)
    met = np.zeros(len(data.train), int)
    for step in range(20):
        order = RowOrder(32, seed=3, stream=Stream.DATA_ORDER)
        rows = order.rows(np.arange(8) + 8 * step)
        x_0 = to_model(torch.from_numpy(data.train[rows]), data.manifest)
        given = {"batch_size": 8, "seed": 3, "step": step, "is_paired": True}
        shares = [coloured.at_step(part, **given) for part in torch.arange(8).split(3)]
        x_1 = torch.cat(shares)
        # They measure alike, but for the rounding of the start to a level.
        assert float((gray(x_1) - gray(x_0)).abs().max()) <= 1 / 255 + 1e-6
        assert torch.equal(x_1, coloured.at_step(torch.arange(8), **given))
        met[rows] += 1
    assert (met == 5).all()


def test_noise_falls_on_what_the_degradation_does_not_see(coloured: StartPoints) -> None:
    index = torch.arange(8)
    given, begun = coloured.given(index), coloured(index, 5)
    noise = begun - given
    assert float(noise.mean(dim=1).abs().max()) < 1e-6
    # Of three channels the mean is gone: two thirds of the variance are left.
    many = coloured(torch.arange(4000), 5) - coloured.given(torch.arange(4000))
    assert float(many.var()) == pytest.approx(2 / 3 * 0.3**2, rel=0.03)
    channels = many.permute(1, 0, 2, 3).reshape(3, -1).cov()
    expected = 0.3**2 * (torch.eye(3) - torch.full((3, 3), 1 / 3))
    torch.testing.assert_close(channels, expected, rtol=0, atol=2e-3)


def test_the_noise_of_a_start_follows_from_seed_index_and_step(
    coloured: StartPoints,
) -> None:
    index = torch.arange(8)
    assert torch.equal(coloured(index, 5)[3:5], coloured(torch.tensor([3, 4]), 5))
    assert not torch.equal(coloured(index, 5), coloured(index, 6))
    # The same image, one round of the held-out ones later.
    assert torch.equal(coloured.given(index), coloured.given(index + 8))
    assert not torch.equal(coloured(index, 5), coloured(index + 8, 5))
    given = {"batch_size": 32, "seed": 5, "is_paired": True}
    one, later = (coloured.at_step(index, step=step, **given) for step in (0, 1))
    clean = [
        to_model(torch.from_numpy(coloured.data.train[rows]), coloured.manifest)
        for rows in (
            RowOrder(32, seed=5, stream=Stream.DATA_ORDER).rows(np.arange(8) + 32 * step)
            for step in (0, 1)
        )
    ]
    noise = one - clean[0]
    assert float((noise - (later - clean[1])).abs().max()) > 0.1
    # And a sample's noise is none that a training step has met.
    assert float((noise - (coloured(index, 5) - coloured.given(index))).abs().max()) > 0.1


def test_starts_without_noise_are_what_they_are(coloured: StartPoints) -> None:
    still = StartPoints.open(
        coloured.data.folder.parent, coloured.manifest, NOISY | {"noise_std": 0.0}
    )
    index = torch.arange(8)
    assert torch.equal(still(index, 5), still.given(index))
    held_out = torch.from_numpy(np.array(still.data.held_out))
    assert torch.equal(still(index), to_model(held_out, still.manifest))


def test_another_degradation_wants_prepare_and_another_noise_does_not(
    coloured: StartPoints,
) -> None:
    for std in (0.0, 0.5):
        key, decisive = made_from(NOISY | {"noise_std": std})
        coloured.check_made_from(decisive, key)
    halved = {"_target_": "snowmelt.operators.Downsample", "factor": 2}
    key, decisive = made_from(NOISY | {"by": halved})
    with pytest.raises(UserError, match=r"prepared with start\.by=.*Gray.*Downsample"):
        coloured.check_made_from(decisive, key)


def test_starts_of_another_source_are_none_of_the_datas_own(prepared: Path) -> None:
    starts, _ = opened(prepared)
    assert not starts.are_the_datas_own


def test_samples_may_start_from_the_training_points_in_their_order(prepared: Path) -> None:
    starts, manifest = opened(prepared)
    trained = replace(starts, sampled="training")
    assert trained.sampled_count == 16
    expected = to_model(torch.from_numpy(np.array(starts.data.train)), manifest)
    assert torch.equal(trained(torch.arange(16)), expected)
    assert torch.equal(trained(torch.tensor([17, 3])), expected[[1, 3]])
