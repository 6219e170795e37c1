"""The learned schedule: what holds whatever its parameters, and that they are learned."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snowmelt.diffusion.schedules import Cosine, Learned

T = torch.linspace(0, 1, 101, dtype=torch.float64)
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)


def shuffled(seed: int, spread: float = 3.0, units: int = 16) -> Learned:
    """A schedule with parameters drawn at random."""
    schedule = Learned(7.0, -5.0, units)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in schedule.parameters():
            parameter.add_(spread * torch.randn(parameter.shape, generator=generator))
    return schedule


def values(parameter: Tensor) -> list[float]:
    return parameter.detach().double().tolist()


def vdm(schedule: Learned, t: float) -> float:
    """Minus gamma of the paper: two monotone layers after t, between the two ends."""

    def network(time: float) -> float:
        total = 0.0
        for height, steepness, centre in zip(
            values(schedule.raw_height),
            values(schedule.raw_steepness),
            values(schedule.centre),
            strict=True,
        ):
            positive = math.log1p(math.exp(steepness))
            hidden = 1 / (1 + math.exp(-positive * (time - centre)))
            total += math.log1p(math.exp(height)) * hidden
        return time + total / len(schedule.centre)

    share = (network(t) - network(0.0)) / (network(1.0) - network(0.0))
    return -(-7.0 + (5.0 - -7.0) * share)


@quick
@given(st.integers(0, 2**31), st.floats(0.0, 1.0))
def test_it_is_a_monotone_network_between_two_ends(seed: int, t: float) -> None:
    schedule = shuffled(seed)
    found = schedule.log_snr(torch.tensor(t, dtype=torch.float64))
    assert float(found.detach()) == pytest.approx(vdm(schedule, t), rel=1e-5, abs=1e-5)


@quick
@given(st.integers(0, 2**31), st.sampled_from([0.1, 3.0, 30.0]))
def test_the_ends_stay_and_the_curve_falls_whatever_is_learned(
    seed: int, spread: float
) -> None:
    schedule = shuffled(seed, spread)
    with torch.no_grad():
        log_snr, slope = schedule.log_snr(T), schedule.slope(T)
    assert log_snr[[0, -1]].tolist() == [7.0, -5.0]
    assert (log_snr.diff() < 0).all()
    assert (slope < 0).all()


def test_every_parameter_is_learned_from_the_curve_and_from_its_slope() -> None:
    for read in (Learned.log_snr, Learned.slope):
        schedule = shuffled(0, spread=0.3)
        (read(schedule, T) ** 2).sum().backward()
        for parameter in schedule.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()
            assert (parameter.grad != 0).all()


def test_the_slope_is_learned_as_the_curve_says() -> None:
    """The gradient of the closed slope is that of the differentiated curve."""
    schedule = shuffled(1)
    t = T + 0.001
    point = t.clone().requires_grad_()
    (by_graph,) = torch.autograd.grad(
        schedule.log_snr(point).sum(), point, create_graph=True
    )
    torch.testing.assert_close(schedule.slope(t), by_graph, rtol=1e-9, atol=1e-9)
    weights = torch.arange(101.0, dtype=torch.float64)
    parameters = list(schedule.parameters())
    closed = torch.autograd.grad((weights * schedule.slope(t)).sum(), parameters)
    graphed = torch.autograd.grad((weights * by_graph).sum(), parameters)
    for found, expected in zip(closed, graphed, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def _own_seed() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


@pytest.mark.usefixtures("_own_seed")
def test_it_starts_the_same_whatever_the_seed_and_draws_nothing() -> None:
    curves = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        curves.append(Learned().log_snr(T).detach())
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*curves)


def test_it_starts_almost_straight_and_symmetric() -> None:
    log_snr = Learned(10.0, -10.0).log_snr(T).detach()
    torch.testing.assert_close(log_snr, 10 - 20 * T, rtol=0, atol=1.0)
    torch.testing.assert_close(log_snr, -log_snr.flip(0), rtol=1e-6, atol=1e-6)
    assert len(Learned().centre) == 1024
    # heights 1 and steepnesses 8
    slope = float(Learned().slope(T[50]))
    rise = (1 + 2 * (torch.sigmoid(torch.tensor(4.0)) - 0.5)).item()
    swing = (
        2 * math.log((1 + math.exp(8)) / (1 + math.exp(0))) / 8 - 1
    )  # mean of S at 1 - at 0
    assert slope == pytest.approx(-20 * rise / (1 + swing), rel=1e-5)
    assert Learned().log_snr(T[[0, -1]]).tolist() == [10.0, -10.0]


def test_it_can_learn_another_schedule() -> None:
    schedule, target = Learned(units=32), Cosine().log_snr(T.float())
    optimiser = torch.optim.Adam(schedule.parameters(), lr=0.1)
    errors = []
    for _ in range(150):
        loss = (schedule.log_snr(T.float()) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.1 * errors[0]


def test_parameters_are_kept_in_the_state() -> None:
    schedule, other = shuffled(3), Learned(7.0, -5.0, 16)
    assert not torch.equal(other.log_snr(T), schedule.log_snr(T))
    other.load_state_dict(schedule.state_dict())
    assert torch.equal(other.log_snr(T), schedule.log_snr(T))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"log_snr_max": -10.0}, "log_snr_max must lie above log_snr_min"),
        ({"log_snr_min": -1e9}, "log_snr_max and log_snr_min must lie within"),
        ({"units": 0}, "units must be a whole number from 1 up, got 0"),
        ({"units": 1.5}, "units must be a whole number from 1 up, got 1.5"),
    ],
)
def test_refused_arguments(arguments: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Learned(**arguments)  # type: ignore[arg-type]
