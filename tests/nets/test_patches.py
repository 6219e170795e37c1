"""Patches of pixels."""

from __future__ import annotations

import pytest
import torch

from snowmelt.nets.patches import (
    IndivisibleImageError,
    check_patch,
    from_patches,
    padded,
    to_patches,
)


@pytest.mark.parametrize("patch", [1, 2, 3])
def test_nothing_is_lost(patch: int) -> None:
    x = torch.randn(2, 3, 6, 12)
    found = to_patches(x, patch)
    assert found.shape == (2, 3 * patch**2, 6 // patch, 12 // patch)
    assert torch.equal(from_patches(found, patch), x)


def test_a_place_is_a_square_of_neighbours() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert to_patches(x, 2)[0, :, 0, 1].tolist() == [2.0, 3.0, 6.0, 7.0]


def test_two_answers_stay_one_after_the_other() -> None:
    first, second = torch.randn(2, 1, 3, 4, 4)
    whole = torch.cat((to_patches(first, 2), to_patches(second, 2)), dim=1)
    torch.testing.assert_close(from_patches(whole, 2).chunk(2, dim=1), (first, second))


@pytest.mark.parametrize(
    ("shape", "patch", "named"),
    [
        ((1, 28, 28), 8, "do not divide 28x28: use net.patch=1 or net.patch=2 or"
                         r" net.patch=4 or net.patch=7, or add .*pad_to=32\)$"),
        ((3, 4, 4), 8, r"use net.patch=1 or .*, or add .*pad_to=8\)$"),
        ((3, 8, 12), 8, "do not divide 8x12: use net.patch=1 or net.patch=2 or"
                        r" net.patch=4, or add a margin \(data.pad_to=16\)$"),
        ((1, 8, 8), 0, "patch must be positive, got 0"),
    ],
)  # fmt: skip
def test_a_patch_that_does_not_divide_is_refused(
    shape: tuple[int, ...], patch: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        check_patch(shape, patch)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((1, 28, 28), [24, 32]), ((1, 5, 4), [8]), ((1, 8, 4), [8]), ((1, 4, 17), [16, 24])],
)
def test_the_next_sizes_are_known(shape: tuple[int, ...], sizes: list[int]) -> None:
    error = IndivisibleImageError("no", shape, 8)
    assert error.sizes == sizes
    assert padded(shape, 8) == sizes[-1]
    assert str(error) == f"no, or add a margin (data.pad_to={sizes[-1]})"
