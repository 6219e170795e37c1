"""Parts of equal size, as near to the size that is asked for as there are."""

from __future__ import annotations

import pytest

from snowmelt.nets.equal_parts import equal_parts
from snowmelt.nets.residual_blocks import group_norm


@pytest.mark.parametrize(
    ("width", "size", "parts"),
    [(64, 32, 2), (24, 32, 1), (96, 40, 2), (7, 2, 1), (64, 8, 8), (20, 8, 2), (36, 8, 4)],
)
def test_they_divide_the_width(width: int, size: int, parts: int) -> None:
    assert equal_parts(width, size) == parts


@pytest.mark.parametrize("size", [1, 8, 32])
def test_they_are_the_most_that_are_no_smaller_than_asked(size: int) -> None:
    for width in range(size, 200):
        divisors = [n for n in range(1, width + 1) if not width % n and width // n >= size]
        assert equal_parts(width, size) == max(divisors)


@pytest.mark.parametrize(("width", "groups"), [(4, 1), (8, 1), (24, 3), (28, 2), (64, 8)])
def test_a_normalisation_has_groups_of_about_eight(width: int, groups: int) -> None:
    assert group_norm(width).num_groups == groups
