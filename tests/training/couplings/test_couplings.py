"""Couplings under conf/coupling/: which start each example gets."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.project import ROOT
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.training.couplings import (
    ClassWise,
    Coupling,
    Independent,
    OptimalTransport,
    Paired,
    Sinkhorn,
)

COUPLINGS = [
    Independent(),
    OptimalTransport(),
    Sinkhorn(0.5),
    ClassWise(OptimalTransport()),
    Paired(),
]
every_coupling = pytest.mark.parametrize(
    "coupling", COUPLINGS, ids=lambda one: type(one).__name__
)


def batch(count: int = 6, shape: tuple[int, ...] = (2,), seed: int = 0) -> list[Tensor]:
    """Examples, starts and a uniform number for each."""
    generator = torch.Generator().manual_seed(seed)
    x_0, x_1 = torch.randn(2, count, *shape, generator=generator)
    return [x_0, x_1 + 1.0, torch.rand(count, generator=generator, dtype=torch.float64)]


def cost(x_0: Tensor, x_1: Tensor, partner: Tensor) -> float:
    return float((x_0 - x_1[partner]).square().sum())


def test_every_file_is_tested_here() -> None:
    files = {file.stem for file in Path(ROOT / "conf" / "coupling").glob("*.yaml")}
    ours = {"independent", "optimal_transport", "sinkhorn", "class_wise", "paired"}
    assert files == ours


@every_coupling
@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
def test_every_example_gets_one_start_of_the_batch(
    coupling: Coupling, shape: tuple[int, ...]
) -> None:
    x_0, x_1, drawn = batch(8, shape)
    partner = coupling.partners(x_0, x_1, drawn, torch.arange(8) % 2)
    assert partner.dtype == torch.int64
    assert partner.shape == (8,)
    assert 0 <= int(partner.min()) <= int(partner.max()) < 8
    # The same question has the same answer: several processes ask it each for itself.
    assert torch.equal(partner, coupling.partners(x_0, x_1, drawn, torch.arange(8) % 2))


def test_independent_pairs_stay_as_they_were_drawn() -> None:
    assert Independent().partners(*batch()).tolist() == list(range(6))
    assert Independent().is_independent
    assert not OptimalTransport().is_independent
    assert ClassWise(Independent()).is_independent


@pytest.mark.parametrize("seed", range(3))
def test_the_optimal_plan_is_the_best_of_all_permutations(seed: int) -> None:
    x_0, x_1, drawn = batch(6, seed=seed)
    partner = OptimalTransport().partners(x_0, x_1, drawn)
    every = itertools.permutations(range(6))
    best = min(every, key=lambda order: cost(x_0, x_1, torch.tensor(order)))
    assert partner.tolist() == list(best)


def test_an_optimal_plan_gives_each_start_away_once() -> None:
    x_0, x_1, drawn = batch(256)
    partner = OptimalTransport().partners(x_0, x_1, drawn)
    assert sorted(partner.tolist()) == list(range(256))
    assert cost(x_0, x_1, partner) < 0.5 * cost(x_0, x_1, torch.arange(256))


def test_little_entropy_is_the_optimal_plan() -> None:
    x_0, x_1, drawn = batch(6)
    likeliest = Sinkhorn(0.03).plan(x_0, x_1).argmax(1)
    assert likeliest.tolist() == OptimalTransport().partners(x_0, x_1, drawn).tolist()


def test_an_entropic_plan_is_drawn_from_row_by_row() -> None:
    x_0, x_1, _ = batch(5)
    coupling = Sinkhorn(0.5)
    rows = coupling.plan(x_0, x_1)
    np.testing.assert_allclose(rows.sum(0), 0.2, atol=1e-5)
    np.testing.assert_allclose(rows.sum(1), 0.2, atol=1e-5)
    # It has the form exp((f + g - cost / 2) / entropy).
    half = 0.5 * torch.cdist(x_0.double(), x_1.double()).square().numpy()
    left = np.log(rows) + half / 0.5
    left = left - left[:1] - left[:, :1] + left[:1, :1]
    np.testing.assert_allclose(left, 0.0, atol=1e-8)
    places = (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    chosen = [coupling.partners(x_0, x_1, place.expand(5)) for place in places]
    for row, partners in enumerate(torch.stack(chosen).T):
        share = torch.bincount(partners, minlength=5) / 100
        np.testing.assert_allclose(share.numpy(), 5 * rows[row], atol=0.02)


def test_too_little_entropy_is_one_line() -> None:
    x_0, x_1, drawn = batch(64)
    with pytest.raises(UserError, match=r"coupling.entropy=1e-06 is so little"):
        Sinkhorn(1e-6).partners(1e3 * x_0, 1e3 * x_1, drawn)
    with pytest.raises(ValueError, match="entropy must be positive"):
        Sinkhorn(0.0)


@pytest.mark.parametrize(
    ("of", "why"),
    [(Paired(), "are given"), (ClassWise(Independent()), "are within classes already")],
    ids=["paired", "class_wise"],
)
def test_class_wise_pairs_need_a_coupling_of_their_own(of: Coupling, why: str) -> None:
    said = f"those of {type(of).__name__} {why}: .* coupling.of=sinkhorn$"
    with pytest.raises(ValueError, match=said):
        ClassWise(of)


def test_class_wise_pairs_stay_within_their_class() -> None:
    x_0, x_1, drawn = batch(30)
    labels = torch.arange(30) % 3
    partner = ClassWise(OptimalTransport()).partners(x_0, x_1, drawn, labels)
    assert torch.equal(labels[partner], labels)
    assert sorted(partner.tolist()) == list(range(30))
    for label in range(3):
        places = torch.nonzero(labels == label)[:, 0]
        inside = OptimalTransport().partners(x_0[places], x_1[places], drawn[places])
        assert torch.equal(partner[places], places[inside])
    with pytest.raises(ValueError, match="needs the classes"):
        ClassWise(OptimalTransport()).partners(x_0, x_1, drawn)
