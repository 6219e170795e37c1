"""EDM's noise levels, whatever the process."""

from __future__ import annotations

import math

import pytest
import torch
from tests.diffusion.time_sampling.rules import distance
from torch import Tensor

from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Karras, NoiseSchedule
from snowmelt.diffusion.time_sampling import LogNormal

WIDE = Cosine(30.0, -30.0)


def levels(rule: LogNormal, process: Process, steps: int = 60, size: int = 16) -> Tensor:
    """The logarithm of noise over signal, of several batches."""
    slot = torch.arange(size)
    times = [
        rule(slot, size, seed=1, step=step, process=process)[0] for step in range(steps)
    ]
    t = torch.cat(times)
    return torch.log(process.sigma(t) / process.alpha(t))


@pytest.mark.parametrize(
    "kind", [VariancePreserving, VarianceExploding, SubVariancePreserving]
)
@pytest.mark.parametrize(("mean", "std"), [(-1.2, 1.2), (0.5, 0.7)])
def test_levels_are_log_normal(
    kind: type[VariancePreserving], mean: float, std: float
) -> None:
    found = levels(LogNormal(mean, std), kind(WIDE))
    # The levels are spread evenly over their distribution: far closer than at random.
    normal = 0.5 * (1 + torch.erf((found - mean) / (std * math.sqrt(2))))
    assert distance(normal) < 1.5
    assert float(found.mean()) == pytest.approx(mean, abs=0.02)
    assert float(found.std()) == pytest.approx(std, rel=0.03)


@pytest.mark.parametrize("schedule", [Cosine(30.0, -30.0), Karras()])
def test_the_schedule_does_not_matter(schedule: NoiseSchedule) -> None:
    rule = LogNormal(-1.0, 0.8)
    expected = levels(rule, VariancePreserving(WIDE), steps=3)
    found = levels(rule, VarianceExploding(schedule), steps=3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_a_level_out_of_reach_is_the_nearest_end() -> None:
    process = VariancePreserving(Cosine(1.0, -1.0))
    slot = torch.arange(1000)
    t = LogNormal(0.0, 1.2)(slot, 1000, seed=0, step=0, process=process)[0]
    beyond = 0.5 * (1 - math.erf(0.5 / (1.2 * math.sqrt(2))))
    assert int((t == 0).sum()) == pytest.approx(1000 * beyond, abs=2)
    assert int((t == 1).sum()) == pytest.approx(1000 * beyond, abs=2)
    assert t.tolist() == sorted(t.tolist())


@pytest.mark.parametrize(
    ("mean", "std", "named"),
    [
        (math.nan, 1.0, "mean must be finite, got nan"),
        (0.0, 0.0, "std must be positive and finite, got 0.0"),
        (0.0, math.inf, "std must be positive and finite, got inf"),
    ],
)
def test_refused_arguments(mean: float, std: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        LogNormal(mean, std)
