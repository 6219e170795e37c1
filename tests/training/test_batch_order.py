"""The order of the data: every example once a round, however the work is cut."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.training.batch_order import BatchStream

COUNT = 20
EXAMPLES = np.arange(COUNT * 3, dtype=np.float32).reshape(COUNT, 3)


def stream(batch_size: int = 8, steps: int = 10, **changes: int) -> BatchStream:
    return BatchStream(
        EXAMPLES, **({"batch_size": batch_size, "steps": steps, "seed": 1} | changes)
    )


def seen(batches: BatchStream) -> list[int]:
    """The rows in the order in which they come."""
    return [int(row[0]) // 3 for batch in batches for row in batch.stored]


@pytest.mark.parametrize("batch_size", [1, 3, 5, 8, 20, 33, 64])
def test_every_example_comes_once_a_round(batch_size: int) -> None:
    rows = seen(stream(batch_size, steps=-(-COUNT * 4 // batch_size)))
    rounds = [rows[start : start + COUNT] for start in range(0, COUNT * 4, COUNT)]
    for order in rounds:
        assert sorted(order) == list(range(COUNT))
    for first, second in itertools.pairwise(rounds):
        assert first != second


def test_the_order_does_not_depend_on_the_batch() -> None:
    whole = seen(stream(40, steps=1))
    for batch_size in (1, 5, 8):
        assert seen(stream(batch_size, steps=40 // batch_size)) == whole


def test_batches_hold_what_was_stored_and_its_place() -> None:
    batches = stream(batch_size=8, steps=3)
    for step, batch in enumerate(batches):
        assert torch.equal(batch.stored, torch.from_numpy(EXAMPLES[batches.rows(step)]))
        assert batch.slot.tolist() == list(range(8))
        assert batch.slot.dtype == torch.int64
    assert step == 2


@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("batch_size", [8, 40])
def test_processes_cut_one_common_batch(world_size: int, batch_size: int) -> None:
    whole = list(stream(batch_size))
    shares = [
        list(stream(batch_size, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert torch.equal(torch.cat([part.stored for part in parts]), batch.stored)
        assert torch.equal(torch.cat([part.slot for part in parts]), batch.slot)
        assert {len(part.slot) for part in parts} == {batch_size // world_size}


@pytest.mark.parametrize("start", [0, 1, 4, 7, 10, 12])
@pytest.mark.parametrize("batch_size", [8, 33])
def test_a_later_start_gives_the_same_rest(start: int, batch_size: int) -> None:
    skipped = list(stream(batch_size))[start:]
    resumed = list(stream(batch_size, start=start))
    assert len(resumed) == max(10 - start, 0)
    for first, second in zip(skipped, resumed, strict=True):
        assert torch.equal(first.stored, second.stored)
        assert torch.equal(first.slot, second.slot)


def test_each_example_comes_with_its_class() -> None:
    labels = np.arange(COUNT, dtype=np.int64) + 100
    cut = {"batch_size": 33, "steps": 3, "seed": 1}
    for batch in BatchStream(EXAMPLES, labels=labels, **cut):
        assert batch.labels is not None
        assert batch.labels.dtype == torch.int64
        assert torch.equal(batch.labels - 100, (batch.stored[:, 0] / 3).long())
    assert all(batch.labels is None for batch in stream())


def test_steps_can_be_asked_for_in_any_order_and_again() -> None:
    batches, fresh = stream(), [stream().rows(step) for step in range(10)]
    for step in (9, 0, 5, 5, 3):
        assert np.array_equal(batches.rows(step), fresh[step])
    assert seen(batches) == seen(batches)


def test_the_seed_decides() -> None:
    assert seen(stream(seed=1)) == seen(stream(seed=1))
    assert seen(stream(seed=1)) != seen(stream(seed=2))


def test_only_the_orders_in_use_are_kept() -> None:
    batches = stream(batch_size=33, steps=50)
    for _ in batches:
        assert len(batches._order._orders) <= 3


def test_a_mapped_file_gives_plain_tensors_of_their_own(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", EXAMPLES.astype(np.uint8))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    batch = next(iter(BatchStream(mapped, batch_size=4, steps=1, seed=0)))
    assert batch.stored.dtype == torch.uint8
    batch.stored.zero_()
    assert np.array_equal(np.load(tmp_path / "a.npy"), EXAMPLES.astype(np.uint8))


@pytest.mark.parametrize(("batch_size", "world_size"), [(0, 1), (-4, 2), (7, 2), (6, 4)])
def test_a_batch_that_cannot_be_shared_is_refused(batch_size: int, world_size: int) -> None:
    named = f"training.batch_size={batch_size} cannot be shared by {world_size} processes"
    with pytest.raises(UserError, match=named):
        stream(batch_size, world_size=world_size)


IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 1, 2, 3), dtype=np.uint8)


def mirrored(steps: int = 40, **changes: int) -> list[tuple[int, int, bool]]:
    """Each step, row and whether the row was mirrored."""
    settings = {"batch_size": 5, "steps": steps, "seed": 1} | changes
    batches = BatchStream(IMAGES, flip=True, **settings)
    found = []
    for step, batch in zip(range(batches.start, steps), batches, strict=True):
        for row, image in zip(batches.rows(step), batch.stored.numpy(), strict=True):
            is_mirrored = not np.array_equal(image, IMAGES[row])
            assert np.array_equal(image, IMAGES[row][..., ::-1]) or not is_mirrored
            found.append((step, int(row), is_mirrored))
    return found


def test_half_of_the_images_are_mirrored_each_at_some_steps() -> None:
    found = mirrored(400)
    share = sum(is_mirrored for *_, is_mirrored in found) / len(found)
    assert share == pytest.approx(0.5, abs=0.04)
    for row in range(COUNT):
        assert {is_mirrored for _, r, is_mirrored in found if r == row} == {True, False}


def test_mirrors_are_keyed_by_seed_step_and_example() -> None:
    whole = mirrored()
    assert mirrored(start=20) == [item for item in whole if item[0] >= 20]
    halves = [mirrored(batch_size=10, rank=rank, world_size=2) for rank in (0, 1)]
    common = mirrored(batch_size=10)
    assert sorted(halves[0] + halves[1]) == sorted(common)
    assert mirrored(seed=2) != whole


def test_points_have_no_mirror() -> None:
    with pytest.raises(UserError, match=r"training\.flip=true mirrors images"):
        BatchStream(EXAMPLES, batch_size=5, steps=1, seed=1, flip=True)


def test_a_mapped_file_gives_the_same_batches(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    settings = {"batch_size": 17, "steps": 3, "seed": 1}
    plain = [batch.stored for batch in BatchStream(IMAGES, **settings)]
    found = [batch.stored for batch in BatchStream(mapped[:], **settings)]
    assert all(map(torch.equal, plain, found))
