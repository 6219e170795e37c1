"""What masks hide, and that it follows from the index."""

from __future__ import annotations

import pytest
import torch

from snowmelt.sampling.guidance.masks import Box, Mask, Scattered, Side

EVERY = [Box, Side, Scattered]


@pytest.mark.parametrize("kind", EVERY)
def test_it_follows_from_seed_and_index(kind: type[Mask]) -> None:
    mask, index = kind(0.4), torch.tensor([9, 2, 5])
    known = mask.known(index, (3, 8, 8), seed=1)
    assert known.shape == (3, 3, 8, 8)
    assert known.dtype == torch.bool
    for row, number in enumerate(index):
        assert torch.equal(mask.known(number[None], (3, 8, 8), seed=1)[0], known[row])
    # A pixel is known in all channels or in none.
    assert torch.equal(known, known[:, :1].expand_as(known))
    mask.check((3, 8, 8))


def test_box_hides_the_middle() -> None:
    known = Box(0.25).known(torch.arange(1), (1, 8, 12), seed=0)[0, 0]
    expected = torch.ones(8, 12, dtype=torch.bool)
    expected[2:6, 3:9] = False
    assert torch.equal(known, expected)


def test_side_hides_the_end_of_the_last_axis() -> None:
    known = Side(0.25).known(torch.arange(2), (1, 2, 8), seed=0)
    assert known[0, 0].tolist() == [[True] * 6 + [False] * 2] * 2
    assert Side(0.5).known(torch.arange(1), (2,), seed=0).tolist() == [[True, False]]


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_scattered_hides_its_share(share: float) -> None:
    known = Scattered(share).known(torch.arange(50), (1, 16, 16), seed=3)
    assert float((~known).double().mean()) == pytest.approx(share, abs=0.02)
    assert not torch.equal(known[0], known[1])
    assert not torch.equal(
        known, Scattered(share).known(torch.arange(50), (1, 16, 16), seed=4)
    )
    assert Scattered(share).known(torch.arange(3), (2,), seed=0).shape == (3, 2)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_that_is_none_is_refused(kind: type[Mask], share: float) -> None:
    with pytest.raises(ValueError, match="share must lie between 0 and 1"):
        kind(share)


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="images, the data has the shape"):
        Box().check((2,))
    with pytest.raises(ValueError, match="hides nothing"):
        Side(0.2).check((2,))
    with pytest.raises(ValueError, match="hides everything"):
        Side(0.9).check((2,))
