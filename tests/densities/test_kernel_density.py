"""Densities from points against other libraries, and what their denoiser remembers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.neighbors import KernelDensity as Theirs
from tests.combinations import close, double

from snowmelt.densities import (
    DoubleGaussian,
    KernelDensity,
    Scott,
    Silverman,
    kernel_density,
)
from snowmelt.densities.kernel_density import Bandwidth
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.sampling.samplers.grids import LogSNR
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Heun

TRUTH = DoubleGaussian(1.6, 0.2, 0.3)
POINTS = TRUTH.sample(60, seed=0, dtype=torch.float64)
X = 1.5 * torch.randn(
    20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
)
COSINE = VariancePreserving(Cosine())


def test_one_width_as_scikit_learn_has_it() -> None:
    theirs = Theirs(bandwidth=0.3).fit(POINTS.numpy()).score_samples(X.numpy())
    close(KernelDensity(POINTS, 0.3).log_prob(X), torch.from_numpy(theirs), rtol=1e-9)


@pytest.mark.parametrize(("rule", "name"), [(Scott(), "scott"), (Silverman(), "silverman")])
def test_rules_as_scipy_has_them(rule: Bandwidth, name: str) -> None:
    line = POINTS[:, :1]
    theirs = scipy.stats.gaussian_kde(line.T.numpy(), bw_method=name)
    ours = KernelDensity(line, rule)
    close(ours.log_prob(X[:, :1]).exp(), torch.from_numpy(theirs(X[:, 0].numpy())))
    # Each axis by its own spread, and the factor of as many dimensions.
    plane = scipy.stats.gaussian_kde(POINTS.T.numpy(), bw_method=name)
    assert rule.factor(60, 2) == pytest.approx(plane.factor)
    expected = torch.from_numpy(np.diag(plane.covariance)).expand(60, 2)
    close(KernelDensity(POINTS, rule).variances, expected)


def test_more_points_come_closer_to_the_truth() -> None:
    x = TRUTH.sample(400, seed=7, dtype=torch.float64)
    gaps = []
    for count in (100, 1000, 10_000):
        # Half of Scott's width of one mode: the rule takes two modes for one wide one.
        ours = KernelDensity(
            TRUTH.sample(count, seed=1, dtype=torch.float64), 0.2 * count ** (-1 / 6)
        )
        gaps.append(float((TRUTH.log_prob(x) - ours.log_prob(x)).mean()))
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0


def test_noise_is_added_to_the_bumps() -> None:
    t = double(0.4)[0]
    alpha, sigma = COSINE.alpha(t), COSINE.sigma(t)
    noisy = KernelDensity(POINTS, 0.1).at(COSINE, t)
    close(noisy.log_prob(X), _mixture(alpha * POINTS, (0.1 * alpha) ** 2 + sigma**2))


def _mixture(means: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    squares = (X[:, None] - means).square().sum(-1)
    log_each = -0.5 * squares / variance - torch.log(2 * torch.pi * variance)
    return log_each.logsumexp(1) - np.log(len(means))


def test_its_denoiser_gives_training_points_back() -> None:
    ours = KernelDensity(POINTS, 1e-3)
    x = sample(
        ours.denoiser(COSINE, V()), Heun(30, grid=LogSNR()), torch.arange(200), (2,), seed=0
    )
    distances = torch.cdist(x.double(), POINTS)
    # Within a few widths of its bump, though the points lie far wider apart.
    assert (distances.amin(1) < 5e-3).float().mean() > 0.97
    apart = torch.cdist(POINTS, POINTS).fill_diagonal_(torch.inf).amin(1)
    assert apart.median() > 0.03
    # A wide bump generalises: it gives points that were not there.
    wide = KernelDensity(POINTS, 0.1)
    x = sample(
        wide.denoiser(COSINE, V()), Heun(30, grid=LogSNR()), torch.arange(200), (2,), seed=0
    )
    assert (torch.cdist(x.double(), POINTS).amin(1) > 5e-3).float().mean() > 0.9


def test_parts_make_up_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = KernelDensity(POINTS, [0.2, 0.4], labels=torch.arange(60) % 3)
    alpha, sigma = (
        part(torch.linspace(0, 1, 20).double()) for part in (torch.cos, torch.sin)
    )
    labels = torch.arange(20) % 4 - 1

    def answers() -> list[torch.Tensor]:
        scales = alpha[:, None], sigma[:, None]
        return [ours.log_prob(X), ours.score(X), *ours.estimates(X, *scales, labels)]

    whole = answers()
    monkeypatch.setattr(kernel_density, "_NUMBERS_AT_ONCE", 3 * 120)
    for part, expected in zip(answers(), whole, strict=True):
        close(part, expected, rtol=1e-12, atol=1e-14)
    one = torch.ones((), dtype=torch.float64)
    scalar = ours.estimates(X, 0.6 * one, 0.8 * one)
    each = ours.estimates(X, 0.6 * one.expand(20, 1), 0.8 * one.expand(20, 1))
    close(scalar[0], each[0])
    assert ours.log_prob(X[:0]).shape == (0,)


def test_a_label_asks_the_points_of_its_class() -> None:
    classes = torch.arange(60) % 3
    ours = KernelDensity(POINTS, 0.2, labels=classes)
    alpha, sigma = double(0.8)[0], double(0.6)[0]
    for label in range(3):
        alone = KernelDensity(POINTS[classes == label], 0.2)
        found = ours.estimates(X, alpha, sigma, torch.full((20,), label))
        close(found[0], alone.estimates(X, alpha, sigma)[0], rtol=1e-9, atol=1e-12)
    none = ours.estimates(X, alpha, sigma, torch.full((20,), -1))
    close(none[0], ours.estimates(X, alpha, sigma)[0])
    with pytest.raises(ValueError, match="labels must lie between -1 and 2"):
        ours.estimates(X, alpha, sigma, torch.full((20,), 3))
    with pytest.raises(ValueError, match="no labels"):
        KernelDensity(POINTS, 0.2).estimates(X, alpha, sigma, torch.zeros(20).long())


@pytest.mark.parametrize(
    ("points", "bandwidth", "labels", "named"),
    [
        ([1.0, 2.0], 1.0, None, "points must be"),
        ([], 1.0, None, "points must be"),
        ([[1.0], [float("nan")]], 1.0, None, "finite"),
        ([[1.0], [2.0]], 0.0, None, "bandwidth must be positive"),
        ([[1.0], [2.0]], float("nan"), None, "bandwidth must be positive"),
        ([[1.0], [2.0]], [1.0, 1.0], None, "one for each of 1"),
        ([[1.0]], Scott(), None, "at least 2 points"),
        ([[1.0], [1.0]], Scott(), None, "found by the rule"),
        ([[1.0], [2.0]], 1.0, torch.tensor([0]), "each of 2 points"),
        ([[1.0], [2.0]], 1.0, torch.tensor([0, -1]), "each of 2 points"),
    ],
)
def test_what_is_no_cloud_is_refused(
    points: object, bandwidth: object, labels: object, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        KernelDensity(points, bandwidth, labels)
