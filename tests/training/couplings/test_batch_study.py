"""The study of docs/bridges.md: its exact answers, and that the page holds its numbers."""

from __future__ import annotations

import math
import re

import ot
import pytest
import torch
from tests.project import ROOT
from tests.training.couplings import batch_study as study

PAGE = (ROOT / "docs" / "tables" / "batch_plans.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", study.SIZES)
def test_the_exact_work_is_that_of_the_linear_map(size: int) -> None:
    """Between normal laws the optimal plan is a linear map; POT knows its work too."""
    data, start = study.ends(size)
    theirs = ot.gaussian.bures_wasserstein_distance(
        data.mean(), start.mean(), data.covariance(), start.covariance()
    )
    assert study.exact_work(size) == pytest.approx(float(theirs) ** 2)
    assert study.exact_work(size) == pytest.approx(0.04 * size + 2 * (size // 2))


def test_independent_pairs_have_all_of_the_work_and_none_of_the_covariance() -> None:
    work = study.work_left(2, 1)
    assert abs(work.mean - 1.0) < 4 * work.error
    kept = study.covariance_kept(2, 1)
    assert abs(kept.mean) < 4 * kept.error


def test_larger_batches_come_nearer_and_dimensions_take_more() -> None:
    few = [study.work_left(2, batch).mean for batch in (1, 4, 16, 64)]
    assert few == sorted(few, reverse=True)
    by_size = [study.work_left(size, 16).mean for size in study.SIZES]
    assert by_size == sorted(by_size)


def test_the_entropic_covariance_is_known() -> None:
    """Of deviations 1 and 2 with entropy 1: c^2 + c = 4, on each coordinate."""
    assert study.exact_covariance(2) == pytest.approx(math.sqrt(17.0) - 1.0)
    torch.testing.assert_close(study.ends(5)[0].mean(), torch.full((5,), 0.1).double())


@pytest.mark.parametrize("measure", ["work", "covariance"])
def test_the_page_holds_what_the_study_finds(measure: str) -> None:
    """Of the small batches; the large ones take minutes."""
    row = study.row(5, measure, study.BATCHES[:2]).rstrip(" |")
    assert any(line.startswith(row) for line in PAGE.splitlines()), row


def test_the_page_on_bridges_quotes_the_table() -> None:
    text = (ROOT / "docs" / "bridges.md").read_text(encoding="utf-8")
    quoted = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(quoted) == len(study.SIZES)
    assert set(quoted) <= set(PAGE.splitlines())
