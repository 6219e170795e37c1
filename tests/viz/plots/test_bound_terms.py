"""Where the bits of the bound go."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.viz.plots.bound_terms import bound_terms, density, sums
from snowmelt.viz.style import png_bytes


def columns(steps: int) -> dict[str, np.ndarray]:
    """Bits that are 0.3 a unit of log-SNR at every noise level."""
    log_snr = np.linspace(-8.0, 8.0, steps)
    gained = 16.0 / max(steps - 1, 1)
    return {
        "term": np.array(["prior", *["step"] * steps, "decoder"]),
        "log_snr": np.concatenate([[-9.0], log_snr, [9.0]]),
        "log_snr_gained": np.concatenate([[0.0], np.full(steps, gained), [0.0]]),
        "bits_per_dim": np.concatenate([[0.02], np.full(steps, 0.3 * gained), [-0.5]]),
    }


@pytest.mark.parametrize("steps", [5, 40])
def test_the_density_does_not_depend_on_the_number_of_steps(steps: int):
    log_snr, found = density(columns(steps))
    assert found == pytest.approx(np.full(steps, 0.3))
    assert log_snr == pytest.approx(np.linspace(-8, 8, steps))


def test_an_infinite_log_snr_is_left_out():
    given = columns(6)
    given["log_snr"][1] = -np.inf
    given["log_snr_gained"][2] = np.inf
    log_snr, found = density(given)
    assert np.isfinite(log_snr).all()
    assert found == pytest.approx(np.full(4, 0.3))


def test_the_sums_are_of_each_kind():
    found = sums(columns(5))
    assert found == pytest.approx({"prior": 0.02, "steps": 5 * 0.3 * 4, "decoder": -0.5})


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_it_is_drawn_the_same_each_time(steps: int):
    first, second = (png_bytes(bound_terms(columns(steps))) for _ in range(2))
    assert first == second
