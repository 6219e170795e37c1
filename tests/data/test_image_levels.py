"""Levels: what is said of those that occur, and how deep ones become 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.data.image_levels import eight_bits, prepared_range, sparse_note


def test_sixteen_bits_without_a_range_are_rounded() -> None:
    deep = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(eight_bits(deep, None), np.rint(deep / 257.0))


@pytest.mark.parametrize("value_range", [(0, 4095), (100, 1123), (0, 256)])
def test_a_range_of_its_own_is_spread_over_all_levels(value_range: tuple[int, int]) -> None:
    low, high = value_range
    deep = np.arange(low, high + 1, dtype=np.uint16)
    found = eight_bits(deep, value_range)
    assert np.abs(found - 255.0 * (deep - low) / (high - low)).max() <= 0.5
    assert len(np.unique(found)) == 256
    assert prepared_range(value_range) == (0, 255)


def test_few_levels_are_kept() -> None:
    deep = np.array([0, 1, 16], np.uint16)
    assert eight_bits(deep, (0, 16)).tolist() == [0, 1, 16]
    assert prepared_range((0, 16)) == (0, 16)
    assert prepared_range(None) == (0, 255)


@pytest.mark.parametrize(
    ("levels", "declared", "cure"),
    [
        ((0, 1), (0, 255), "[0,1]"),
        ((0, 16), (0, 255), "[0,16]"),
        ((3, 40), (0, 255), "[0,40]"),
        ((200, 250), (0, 255), "[200,250]"),
        ((0, 3900), (0, 65535), "[0,4095]"),
        ((7, 4095), (0, 65535), "[0,4095]"),
        ((0, 1), (0, 65535), "[0,1]"),
        ((0, 200), (0, 4095), "[0,200]"),
    ],
)
def test_a_small_part_of_the_levels(
    levels: tuple[int, int], declared: tuple[int, int], cure: str
) -> None:
    note = sparse_note(levels, declared) or ""
    assert (
        f"the levels {levels[0]} to {levels[1]} of {declared[0]} to {declared[1]}" in note
    )
    assert note.endswith(f"data.value_range={cure}")


def test_one_level_alone_has_no_cure() -> None:
    assert sparse_note((9, 9), (0, 255)) == (
        "all pixels of all images have one level, 9 of 0 to 255"
    )


@pytest.mark.parametrize(
    ("levels", "declared"), [((0, 64), (0, 255)), ((90, 255), (0, 255)), ((0, 1), (0, 1))]
)
def test_a_quarter_is_enough(levels: tuple[int, int], declared: tuple[int, int]) -> None:
    assert sparse_note(levels, declared) is None
