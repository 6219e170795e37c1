"""Sinkhorn's iteration on small distributions, against POT and against the limits."""

from __future__ import annotations

import ot
import pytest
import torch
from tests.combinations import close
from torch import Tensor

from snowmelt.densities import entropic_plan, entropic_potentials


def problem() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in (7, 5))
    one, two = (torch.rand(n, generator=generator, dtype=torch.float64) for n in (7, 5))
    return 0.5 * torch.cdist(x, y) ** 2, one / one.sum(), two / two.sum()


@pytest.mark.parametrize("entropy", [0.05, 0.5, 5.0])
def test_it_is_the_plan_of_pot(entropy: float) -> None:
    cost, one, two = problem()
    found = entropic_plan(cost, one, two, entropy)
    close(found.sum(1), one, atol=1e-9)
    close(found.sum(0), two, atol=1e-9)
    given = (part.numpy() for part in (one, two, cost))
    theirs = ot.sinkhorn(*given, reg=entropy, stopThr=1e-13, numItermax=200_000)
    close(found, torch.from_numpy(theirs), rtol=1e-6, atol=1e-9)


def test_little_entropy_is_the_optimal_plan_and_much_is_independence() -> None:
    cost, one, two = problem()
    best = ot.emd2(*(part.numpy() for part in (one, two, cost)))
    near = entropic_plan(cost, one, two, 0.003)
    assert float((near * cost).sum()) == pytest.approx(float(best), abs=0.01)
    close(entropic_plan(cost, one, two, 1e5), one[:, None] * two, rtol=1e-4)


def test_what_is_no_problem_is_refused() -> None:
    cost, one, two = problem()
    with pytest.raises(ValueError, match=r"shape \(7, 5\) does not fit marginals of 5"):
        entropic_plan(cost, two, one, 1.0)
    without = torch.cat((torch.zeros(1), torch.full((6,), 1 / 6)))
    for wrong in (one * 2, one[None], without):
        with pytest.raises(ValueError, match=r"^a marginal .* positive numbers of sum 1$"):
            entropic_plan(cost, wrong, two, 1.0)
    with pytest.raises(ValueError, match="entropy must be positive"):
        entropic_plan(cost, one, two, 0.0)
    with pytest.raises(ValueError, match=r"1 rounds did not bring.*raise the entropy"):
        entropic_plan(cost, one, two, 0.05, limit=1)


def test_the_plan_is_made_of_its_potentials() -> None:
    cost, one, two = problem()
    f, g = entropic_potentials(cost, one, two, 0.3)
    made = one[:, None] * two * torch.exp(f[:, None] + g - cost / 0.3)
    close(made, entropic_plan(cost, one, two, 0.3), rtol=1e-12)
