"""Probes of a Jacobian: all together exact, at random without bias."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, uniform
from snowmelt.evaluation.likelihood.divergences import (
    Divergence,
    Exact,
    Normal,
    Rademacher,
    with_divergence,
)

MATRIX = torch.tensor([[1.0, 5.0, -2.0], [0.5, -3.0, 7.0], [4.0, 1.0, 0.25]]).double()
INDEX = torch.arange(4)
X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)


def field(x: Tensor) -> Tensor:
    return x @ MATRIX.T + x**3


def truth(x: Tensor) -> Tensor:
    return MATRIX.trace() + 3 * x.square().sum(1)


def test_the_unit_vectors_give_it_exactly() -> None:
    value, found = with_divergence(field, X, *Exact().probes(X, INDEX, seed=0))
    torch.testing.assert_close(value, field(X))
    torch.testing.assert_close(found, truth(X))


def test_of_images_too() -> None:
    x = X.reshape(1, 3, 2, 2)
    probes = Exact().probes(x, INDEX[:1], seed=0)
    _, found = with_divergence(lambda image: image**3, x, *probes)
    torch.testing.assert_close(found, 3 * x.square().sum()[None])


def test_all_signs_together_give_it_exactly() -> None:
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=3))).double()
    _, found = with_divergence(field, X, signs[:, None].expand(8, 4, 3), 1 / 8)
    torch.testing.assert_close(found, truth(X))


def test_each_example_may_have_its_own_probe() -> None:
    probe = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]]
    _, found = with_divergence(field, X, probe[None], 1.0)
    own = (MATRIX.diagonal() + 3 * X.square()).gather(1, torch.tensor([[0], [1], [2], [0]]))
    torch.testing.assert_close(found, own[:, 0])


def test_nothing_of_the_graph_is_left() -> None:
    with torch.no_grad():
        value, found = with_divergence(field, X, *Exact().probes(X, INDEX, seed=0))
    assert not value.requires_grad
    assert not found.requires_grad
    assert not X.requires_grad


@pytest.mark.parametrize("kind", [Rademacher, Normal])
def test_random_probes_have_the_unit_covariance(kind: type[Divergence]) -> None:
    x, index = torch.zeros(20_000, 3).double(), torch.arange(20_000)
    probes, weight = kind(2).probes(x, index, seed=0)
    assert probes.shape == (2, 20_000, 3)
    assert weight == 0.5
    flat = probes.permute(1, 0, 2).flatten(1)
    assert (flat.mean(0)).abs().max() < 0.03
    covariance = flat.T @ flat / len(flat)
    assert (covariance - torch.eye(6).double()).abs().max() < 0.04


def test_signs_are_signs() -> None:
    probes, _ = Rademacher().probes(X, INDEX, seed=0)
    assert set(probes.unique().tolist()) == {-1.0, 1.0}
    assert probes.dtype == X.dtype


@pytest.mark.parametrize("kind", [Rademacher, Normal])
def test_an_example_has_its_probes_in_any_batch(kind: type[Divergence]) -> None:
    whole, _ = kind(2).probes(X, INDEX, seed=0)
    part, _ = kind(2).probes(X[2:], INDEX[2:], seed=0)
    torch.testing.assert_close(whole[:, 2:], part)
    other, _ = kind(2).probes(X, INDEX, seed=1)
    assert not torch.equal(whole, other)


@pytest.mark.parametrize("kind", [Rademacher, Normal])
def test_probes_have_nothing_to_do_with_the_dequantisation(kind: type[Divergence]) -> None:
    index = torch.arange(4000)
    shift = uniform((1,), seed=0, stream=Stream.LIKELIHOOD, index=index, step=0)
    probes, _ = kind(1).probes(shift, index, seed=0)
    both = torch.cat((shift, probes[0]), dim=1)
    assert torch.corrcoef(both.T)[0, 1].abs() < 0.07


def test_many_dimensions_are_refused_before_hours_are_spent() -> None:
    with pytest.raises(ValueError, match=r"257 dimensions.*more than 256"):
        Exact().probes(torch.zeros(1, 257), INDEX[:1], seed=0)
    assert len(Exact(300).probes(torch.zeros(1, 257), INDEX[:1], seed=0)[0]) == 257


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        Rademacher(0)
    with pytest.raises(ValueError, match="most must be at least 1, got 0"):
        Exact(0)
