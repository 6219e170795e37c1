"""Importance sampling: no bias, less variance, and a memory that is exact."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import torch
from tests.diffusion.time_sampling.rules import drawn
from torch import Tensor

from snowmelt.diffusion.time_sampling import Importance, LowDiscrepancy


def told(rule: Importance, loss: Any) -> Importance:
    """The rule after it saw, in every bucket, the loss of the bucket's middle."""
    middles = (torch.arange(rule.buckets, dtype=torch.float64) + 0.5) / rule.buckets
    for _ in range(rule.history):
        rule.update(middles, loss(middles))
    return rule


def steep(t: Tensor) -> Tensor:
    return torch.exp(-6 * t)


def test_probabilities_follow_the_root_mean_square() -> None:
    rule = Importance(buckets=2, history=2, floor=0.1)
    t = torch.tensor([0.2, 0.7, 0.3, 0.8])
    rule.update(t, torch.tensor([3.0, 1.0, 4.0, 7.0]))
    sizes = [(9 + 16) ** 0.5, (1 + 49) ** 0.5]
    expected = [0.9 * size / sum(sizes) + 0.05 for size in sizes]
    assert rule.probabilities().tolist() == pytest.approx(expected, rel=1e-12)


def test_the_memory_is_that_of_a_queue_a_bucket() -> None:
    rule, queues = Importance(buckets=5, history=3), [deque(maxlen=3) for _ in range(5)]
    generator = torch.Generator().manual_seed(0)
    for size in (1, 4, 40, 2, 7, 13):
        t = torch.rand(size, generator=generator, dtype=torch.float64)
        losses = torch.rand(size, generator=generator)
        rule.update(t, losses)
        for time, loss in zip(t.tolist(), losses.tolist(), strict=True):
            queues[int(time * 5)].append(loss)
        for bucket, queue in enumerate(queues):
            kept = rule.remembered[bucket].tolist()
            assert sorted(kept) == sorted([*queue, *[0.0] * (3 - len(queue))])


def test_the_ends_of_time_are_in_the_first_and_last_bucket() -> None:
    rule = Importance(buckets=4, history=1)
    rule.update(torch.tensor([0.0, 1.0]), torch.tensor([5.0, 6.0]))
    assert rule.remembered[:, 0].tolist() == [5.0, 0.0, 0.0, 6.0]


def test_until_every_bucket_is_full_times_are_uniform() -> None:
    rule = Importance(buckets=4, history=2)
    middles = torch.tensor([0.1, 0.3, 0.6, 0.9])
    rule.update(middles, torch.arange(1.0, 5.0))
    rule.update(middles[:3], torch.ones(3))
    times, weights = drawn(rule, 32, step=4)
    torch.testing.assert_close(times, drawn(LowDiscrepancy(), 32, step=4)[0])
    assert torch.equal(weights, torch.ones(32))
    rule.update(middles[3:], torch.ones(1))
    assert not torch.equal(rule.probabilities(), torch.full((4,), 0.25).double())


def test_losses_of_zero_are_uniform() -> None:
    rule = told(Importance(buckets=4, history=1), torch.zeros_like)
    assert torch.equal(rule.probabilities(), torch.full((4,), 0.25).double())


def test_no_bias_over_the_buckets() -> None:
    rule = told(Importance(buckets=20, history=3, floor=0.01), steep)
    chance = rule.probabilities()
    assert float(chance.sum()) == pytest.approx(1.0, rel=1e-12)
    # One time from each bucket, with the weight that it gets.
    times, weights = drawn(rule, 5000)
    bucket = (times * 20).floor().long()
    weight = torch.stack([weights[bucket == k][0] for k in range(20)]).double()
    values = torch.rand(20, generator=torch.Generator().manual_seed(0)).double()
    assert float((chance * weight * values).sum()) == pytest.approx(
        float(values.mean()), rel=1e-6
    )


def test_buckets_come_as_often_as_they_should_and_are_uniform_within() -> None:
    rule = told(Importance(buckets=10, history=2), steep)
    count = 20000
    times, weights = drawn(rule, count)
    bucket = (times * 10).floor().long()
    found = torch.bincount(bucket, minlength=10) / count
    assert float((found - rule.probabilities()).abs().max()) < 2 / count
    for k in (0, 3):
        inside = (times[bucket == k] * 10 - k).sort().values
        even = (torch.arange(len(inside)) + 0.5) / len(inside)
        assert float((inside - even).abs().max()) < 2 / len(inside)
    for power in (0, 1, 3):
        mean = float((weights.double() * times**power).mean())
        assert mean == pytest.approx(1 / (power + 1), abs=2e-3)


def test_it_lowers_the_variance_of_a_single_loss() -> None:
    rule = told(Importance(buckets=20, history=2), steep)
    times, weights = drawn(rule, 20000)
    chosen = float((weights.double() * steep(times)).var())
    even = float(steep(drawn(LowDiscrepancy(), 20000)[0]).var())
    assert chosen < 0.02 * even


def test_the_floor_bounds_the_weights() -> None:
    rule = told(Importance(buckets=10, history=1, floor=0.2), lambda t: (t > 0.9).double())
    chance = rule.probabilities()
    assert chance[:9].tolist() == pytest.approx([0.02] * 9)
    assert float(chance[9]) == pytest.approx(0.82)
    assert float(drawn(rule, 500)[1].max()) == pytest.approx(5.0)


def test_the_memory_is_saved_with_the_training() -> None:
    rule = told(Importance(buckets=6, history=2), steep)
    rule.update(torch.tensor([0.5]), torch.tensor([9.0]))
    copy = Importance(buckets=6, history=2)
    copy.load_state_dict(rule.state_dict())
    for one in (rule, copy):
        one.update(torch.tensor([0.5, 0.1]), torch.tensor([2.0, 3.0]))
    assert torch.equal(copy.remembered, rule.remembered)
    assert torch.equal(drawn(copy)[0], drawn(rule)[0])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"buckets": 0}, "buckets must be at least 1, got 0"),
        ({"history": 0}, "history must be at least 1, got 0"),
        ({"floor": 0.0}, r"floor must lie in \(0, 1\], got 0.0"),
        ({"floor": 1.5}, r"floor must lie in \(0, 1\], got 1.5"),
    ],
)
def test_refused_arguments(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Importance(**arguments)
