"""The arrays of the picture of one step back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian
from snowmelt.densities.reverse_gap import path_divergence
from snowmelt.densities.reverse_kernel import reverse_kernel
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Geometric
from snowmelt.evaluation.plane.reverse_kernel_curves import KINDS, kernel_pairs, path_curves

DATA = DoubleGaussian(size=1)
PROCESS = VariancePreserving(Geometric())


def test_pairs_are_the_kernels_of_one_step_from_the_state() -> None:
    pairs = kernel_pairs(DATA, PROCESS, x_t=0.2, t=0.5, counts=(1, 4, 16), places=801)
    times = [(1.0, 0.0), (0.5, 0.25), (0.5, 0.4375)]
    for pair, (t, s) in zip(pairs, times, strict=True):
        late, early = (torch.tensor(u, dtype=torch.float64) for u in (t, s))
        state = torch.tensor([0.2], dtype=torch.float64)
        kernel = reverse_kernel(DATA, PROCESS, state, late, early)
        x, width = pair.places, pair.places[1] - pair.places[0]
        assert len(x) == 801
        assert np.array_equal(x, pairs[0].places)
        exact = kernel.log_prob(torch.from_numpy(x)[:, None]).exp().numpy()
        np.testing.assert_allclose(pair.exact, exact)
        # One mean and one width, and almost all of both in sight.
        assert pair.exact.sum() * width == pytest.approx(1.0, abs=1e-3)
        assert pair.normal.sum() * width == pytest.approx(1.0, abs=2e-3)
        mean = (pair.normal * x).sum() * width
        assert mean == pytest.approx(float(kernel.mean()), abs=5e-3)
        spread = (pair.normal * (x - mean) ** 2).sum() * width
        assert spread == pytest.approx(float(kernel.covariance()), rel=0.02)
        assert pair.start == 0.2
        apart = (pair.exact * np.log(pair.exact / pair.normal)).sum() * width
        assert pair.divergence == pytest.approx(apart, rel=1e-9)
    titles = [pair.title for pair in pairs]
    assert titles[0] == "T = 1: t = 1 to 0"
    assert titles[2] == "T = 16: t = 0.5 to 0.438"
    assert pairs[0].divergence > 0.6 > 0.1 > pairs[2].divergence > 0


def test_curves_are_the_divergences_of_whole_paths() -> None:
    curves = path_curves(DATA, PROCESS, counts=(1, 2, 6))
    assert [curve.name for curve in curves] == list(KINDS)
    for curve in curves:
        share = KINDS[curve.name]
        expected = [path_divergence(DATA, PROCESS, count, share) for count in (1, 2, 6)]
        np.testing.assert_allclose(curve.divergences, expected)
        assert curve.steps.tolist() == [1, 2, 6]
        assert expected[2] == pytest.approx(expected[1] * 3.0**curve.order)
    with pytest.raises(ValueError, match="two numbers of steps or more, got 1"):
        path_curves(DATA, PROCESS, counts=(4,))
