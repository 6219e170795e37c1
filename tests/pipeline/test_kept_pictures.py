"""What a training drew on its way is found by its moments."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snowmelt.pipeline.kept_pictures import MOST_IMAGES, KeptPictures
from snowmelt.viz.sweep_page.moment import Moment


def test_samples_are_read_back_in_the_order_of_their_moments(tmp_path: Path) -> None:
    kept = KeptPictures.of(tmp_path, "a" * 64)
    images = np.random.default_rng(0).integers(0, 17, (64, 1, 8, 8)).astype(np.uint8)
    kept.keep(images, Moment(1000))
    kept.keep(images[1:], Moment(200))
    found = KeptPictures.of(tmp_path, "a" * 64).read()
    assert list(found) == [Moment(200), Moment(1000)]
    assert np.array_equal(found[Moment(1000)], images[:MOST_IMAGES])
    assert np.array_equal(found[Moment(200)], images[1 : MOST_IMAGES + 1])
    assert KeptPictures.of(tmp_path, "b" * 64).read() == {}


def test_all_points_are_kept_and_shares_are_no_steps(tmp_path: Path) -> None:
    kept = KeptPictures.of(tmp_path, "a")
    kept.keep(np.zeros((64, 2), np.float32), Moment(25, is_share=True))
    ((moment, points),) = kept.read().items()
    assert moment.told == "25 % of the time"
    assert points.shape == (64, 2)
    assert Moment(1200).told == "step 1,200"


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    kept = KeptPictures.of(tmp_path, "a")
    kept.keep(np.zeros((4, 1, 8, 8), np.uint8), Moment(1))
    (kept.folder / "step-000000002.npy").write_bytes(b"torn")
    (kept.folder / "other.npy").write_bytes(b"")
    assert list(kept.read()) == [Moment(1)]
