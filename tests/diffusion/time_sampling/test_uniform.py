"""Uniform times: their distribution exactly, and what spreading them gains."""

from __future__ import annotations

import math

import pytest
import torch
from tests.diffusion.time_sampling.rules import distance, drawn, many

from snowmelt.diffusion.time_sampling import (
    Antithetic,
    Discrete,
    Importance,
    Independent,
    LowDiscrepancy,
)
from snowmelt.diffusion.time_sampling.time_sampler import TimeSampler

LARGEST = 2.0  # Kolmogorov's distance exceeds it once in 1500 times


def test_independent_times_are_uniform_together() -> None:
    times = many(Independent(), 20, 100)
    assert distance(times) < LARGEST
    # Neighbours know nothing of each other.
    table = torch.corrcoef(many(Independent(), 4, 2000).T)
    assert float((table - torch.eye(4)).abs().max()) < 4 / 2000**0.5


@pytest.mark.parametrize("rule", [LowDiscrepancy(), Antithetic()], ids=["spread", "pairs"])
def test_each_place_alone_is_uniform(rule: TimeSampler) -> None:
    times = many(rule, 4, 500)
    if isinstance(rule, LowDiscrepancy):
        times = (times * 4) % 1.0
    for place in range(4):
        assert distance(times[:, place]) < LARGEST


def test_low_discrepancy_gives_each_stretch_one_time() -> None:
    times = many(LowDiscrepancy(), 8, 400)
    assert torch.equal((times * 8).floor().long(), torch.arange(8).expand(400, 8))
    shifts = times * 8 - torch.arange(8)
    torch.testing.assert_close(shifts, shifts[:, :1].expand(400, 8), rtol=0, atol=1e-12)
    assert distance(shifts[:, 0]) < LARGEST


@pytest.mark.parametrize("size", [1, 7, 8])
def test_antithetic_times_come_in_pairs(size: int) -> None:
    times = many(Antithetic(), size, 50)
    paired = times[:, : size // 2 * 2].reshape(50, -1, 2)
    torch.testing.assert_close(paired.sum(2), torch.ones(50, size // 2).double())
    firsts = paired[..., 0]
    assert len(firsts.unique()) == firsts.numel()


def test_spreading_lowers_the_variance_of_a_mean() -> None:
    def variance(rule: TimeSampler) -> float:
        return float(torch.exp(many(rule, 16, 300)).mean(1).var())

    alone = variance(Independent())
    assert variance(Antithetic()) < 0.1 * alone
    # Of exp over U(0, 1): its own variance, and that of a shift through a sixteenth.
    assert alone == pytest.approx(0.2420 / 16, rel=0.3)
    shifted = (math.e - 1) ** 2 / (12 * 16**2)
    assert variance(LowDiscrepancy()) == pytest.approx(shifted, rel=0.3)


@pytest.mark.parametrize("steps", [1, 3, 16])
def test_discrete_times_are_those_of_the_chain(steps: int) -> None:
    times = many(Discrete(steps), 48, 20)
    number = (times * steps).round()
    assert torch.equal(number / steps, times)
    # The batch is a multiple of the steps: each comes equally often.
    counts = torch.stack([(number == k).sum(1) for k in range(1, steps + 1)])
    assert torch.equal(counts, torch.full((steps, 20), 48 // steps))


def test_discrete_times_are_the_next_after_another_rule() -> None:
    for rule in (LowDiscrepancy(), Independent()):
        before, after = drawn(rule, 50)[0], drawn(Discrete(7, of=rule), 50)[0]
        assert (after > before).all()
        assert (after - before <= 1 / 7 + 1e-12).all()


class Ends(Independent):
    """A rule that gives the ends."""

    def forward(self, slot, batch_size, **_):  # type: ignore[no-untyped-def]
        return torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor([2.0, 3.0])


def test_discrete_times_stay_within_the_chain_and_keep_weights() -> None:
    times, weights = drawn(Discrete(10, of=Ends()), 2)
    assert times.tolist() == [0.1, 1.0]
    assert weights.tolist() == [2.0, 3.0]


def test_discrete_times_pass_losses_on() -> None:
    inner = Importance(buckets=10, history=1)
    rule = Discrete(20, of=inner)
    assert rule.learns
    assert not Discrete(20).learns
    rule.update((torch.arange(20) + 1) / 20, torch.arange(20.0))
    # Two steps in each bucket; the last loss of each is remembered.
    assert inner.remembered[:, 0].tolist() == [2 * k + 1 for k in range(10)]
    assert inner.counts.tolist() == [2] * 10
    assert "of.remembered" in rule.state_dict()


def test_a_chain_has_a_step() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        Discrete(0)
