"""What a training relies on beside the distribution: defaults, places, devices, edges."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.time_sampling import (
    Antithetic,
    Discrete,
    Importance,
    Independent,
    LogNormal,
    LowDiscrepancy,
    importance,
)
from snowmelt.diffusion.time_sampling.time_sampler import TimeSampler

PROCESS = VariancePreserving(Cosine())
SAMPLERS = (Independent(), LowDiscrepancy(), Antithetic(), LogNormal(), Importance())


def drawn(sampler: TimeSampler, slot: Tensor, size: int, **changed: Any) -> Any:
    given = {"seed": 3, "step": 5, "process": PROCESS} | changed
    return sampler(slot, size, **given)


def test_defaults_are_those_of_the_papers() -> None:
    assert (LogNormal().mean, LogNormal().std) == (-1.2, 1.2)
    assert Discrete().steps == 1000
    found = Importance()
    assert (found.buckets, found.history, found.floor) == (100, 10, 1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_times_and_weights_are_where_the_places_are(sampler: TimeSampler) -> None:
    slot = torch.arange(4, device="meta")
    times, weights = drawn(sampler, slot, 4)
    assert times.device.type == weights.device.type == "meta"


def test_the_second_of_a_pair_mirrors_the_first() -> None:
    """So the first time of pair k is the independent time of place k."""
    times, _ = drawn(Antithetic(), torch.arange(8), 8)
    first, _ = drawn(Independent(), torch.arange(4), 4)
    torch.testing.assert_close(times[0::2], first, rtol=0, atol=0)
    torch.testing.assert_close(times[1::2], 1.0 - first, rtol=0, atol=0)


def test_the_common_shift_is_the_number_of_place_0_in_every_process() -> None:
    shift = drawn(Independent(), torch.tensor([0]), 1)[0]
    for places in (torch.arange(6), torch.arange(3, 6)):
        times, _ = drawn(LowDiscrepancy(), places, 6)
        torch.testing.assert_close(times, (places + shift) / 6, rtol=0, atol=1e-15)


def test_a_chain_hands_the_process_on() -> None:
    chain = Discrete(10, of=LogNormal())
    inner, _ = drawn(LogNormal(), torch.arange(16), 16)
    times, _ = drawn(chain, torch.arange(16), 16)
    expected = (torch.floor(inner * 10) + 1).clamp(max=10) / 10
    torch.testing.assert_close(times, expected, rtol=0, atol=0)


def test_a_floor_of_1_is_uniform_whatever_the_losses() -> None:
    sampler = Importance(buckets=2, history=1, floor=1.0)
    sampler.update(torch.tensor([0.2, 0.7]), torch.tensor([1.0, 9.0]))
    assert sampler.probabilities().tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("number", "time", "probability"),
    [
        (0.25, 0.5, 0.75),  # the edge between two buckets belongs to the upper one
        (1.0 + 1e-9, 1.0, 0.75),  # what rounding leaves outside is brought back
        (-1e-9, 0.0, 0.25),
        (0.125, 0.25, 0.25),
    ],
)
def test_numbers_at_the_edges_of_the_buckets(
    monkeypatch: pytest.MonkeyPatch, number: float, time: float, probability: float
) -> None:
    sampler = Importance(buckets=2, history=1, floor=1e-12)
    sampler.update(torch.tensor([0.2, 0.7]), torch.tensor([1.0, 3.0]))
    fixed = torch.tensor([number], dtype=torch.float64)
    monkeypatch.setattr(importance, "spread", lambda *_: fixed)
    monkeypatch.setattr(
        sampler, "probabilities", lambda: torch.tensor([0.25, 0.75]).double()
    )
    times, weights = drawn(sampler, torch.tensor([0]), 1)
    assert float(times) == time
    assert float(weights) == pytest.approx(1.0 / (2 * probability))
