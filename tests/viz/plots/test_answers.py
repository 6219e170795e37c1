"""Starts stand above their answers and these above the truth, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.plots.answers import MOST_ROWS, answers_below
from snowmelt.viz.plots.image_grid import MARGIN, PAGE_PIXELS

TITLE = 24
TILE, GAP = 32 * 3, 8
COLUMNS = (PAGE_PIXELS - 2 * MARGIN + GAP) // (TILE + GAP)


@pytest.mark.parametrize(("each", "has_truth"), [(1, False), (1, True), (6, True)])
def test_a_column_is_one_start(each: int, has_truth: bool) -> None:
    random = np.random.default_rng(each)
    given = random.integers(0, 256, (16, 3, 32, 32)).astype(np.uint8)
    answers = random.integers(0, 256, (16, each, 3, 32, 32)).astype(np.uint8)
    real = random.integers(0, 256, (16, 3, 32, 32)).astype(np.uint8)
    picture = answers_below(given, answers, real if has_truth else None, (0, 255))
    assert picture.width <= PAGE_PIXELS
    drawn = np.asarray(picture.convert("RGB"))
    rows = min(each, MOST_ROWS)
    blocks = [given[None], np.swapaxes(answers[:, :rows], 0, 1)]
    blocks += [real[None]] if has_truth else []
    top = 0
    for block in blocks:
        for row, shown in enumerate(block):
            for column in (0, 3, COLUMNS - 1):
                y = top + MARGIN + TITLE + row * (TILE + GAP)
                x = MARGIN + column * (TILE + GAP)
                wanted = np.moveaxis(shown[column], 0, -1).repeat(3, 0).repeat(3, 1)
                assert (drawn[y : y + TILE, x : x + TILE] == wanted).all()
        top += 2 * MARGIN + TITLE + len(block) * (TILE + GAP) - GAP
    assert drawn.shape[0] == top


def test_few_starts_are_a_narrow_picture() -> None:
    few = np.zeros((2, 1, 8, 8), np.uint8)
    picture = answers_below(few, few[:, None], None, (0, 16))
    assert picture.width < 200
