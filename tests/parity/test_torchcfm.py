"""Conditional paths, velocities and plans of torchcfm 1.0.7, on the same points and noise.

It counts time from the start at 0 to the data at 1, the other way round than here, so its
velocities point the other way too. The numbers were printed by a program that called its
`sample_xt`, `compute_conditional_flow` and `OTPlanSampler.get_map`, in float64.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from snowmelt.diffusion.interpolants import (
    BrownianBridge,
    Constant,
    Interpolant,
    Straight,
)
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import Process, RectifiedFlow, VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.training.couplings import OptimalTransport, Sinkhorn
from tests.combinations import close


def double(rows: list) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


START = double([[0.3, -1.2], [1.5, 0.4], [-0.7, 2.1]])
DATA = double([[2.0, 0.5], [-1.0, -0.25], [0.125, 3.0]])
NOISE = double([[-0.5, 1.0], [0.75, -2.0], [1.25, 0.375]])
THEIR_TIME = double([0.1, 0.5, 0.85])
# x_t and velocity, by method: of noise 0.1, 0.7 and none.
PATHS = {
    "I-CFM": (
        [[0.42, -0.93], [0.325, -0.125], [0.12625, 2.9025]],
        [[1.7, 1.7], [-2.5, -0.65], [0.825, 0.9]],
    ),
    "SB-CFM": (
        [[0.365, -0.82], [0.5125, -0.625], [0.313687493749, 2.95873124812]],
        [[1.23333335926, 2.63333328148], [-2.5, -0.65], [-0.032671517833, 0.64269854465]],
    ),
    "VP-CFM": (
        [
            [0.609175432259, -1.10700877619],
            [0.353553390593, 0.106066017178],
            [-0.0418655146494, 3.40734502529],
        ],
        [
            [3.02919642993, 1.0706006284],
            [-2.77680183635, -0.721968477451],
            [1.11501345948, -2.10744434826],
        ],
    ),
}
LINE, CIRCLE = RectifiedFlow(RectifiedClock(60.0, -60.0)), VariancePreserving(Cosine())
OURS: dict[str, tuple[Process, Interpolant]] = {
    "I-CFM": (LINE, Constant(0.1)),
    "SB-CFM": (LINE, BrownianBridge(0.7)),
    "VP-CFM": (CIRCLE, Straight()),
}
STARTS = double(
    [
        [0, 1.9833296209],
        [-0.511082204054, -1.85162936466],
        [0.988226702277, 1.59697422525],
        [-1.39974937519, -1.23627422447],
        [1.71832362971, 0.793481146261],
        [-1.92279498376, -0.297998051628],
    ]
)
EXAMPLES = double(
    [
        [2.76318298201, -2.71221642605],
        [0.85098655639, 1.57823255214],
        [-2.95406356738, 2.35821088842],
        [-0.188375168772, -2.10719117251],
        [2.99631706976, -1.88555725896],
        [-0.483713892973, 2.53013119505],
    ]
)
# Of each example, the start that its optimal plan gives it.
BEST = [1, 2, 5, 3, 4, 0]
# Starts in rows, examples in columns; `reg` is twice an entropy of 1.5^2.
ENTROPIC = np.array(
    [
        [
            0.0015027970928,
            0.0466271819905,
            0.0380893342288,
            0.00140724347601,
            0.00345660868868,
            0.0755835011899,
        ],
        [
            0.0741355952296,
            0.00236871724329,
            0.00121530107234,
            0.048396092498,
            0.0395244801135,
            0.00102648050991,
        ],
        [
            0.0106648198805,
            0.0683894535491,
            0.00918721884372,
            0.0024620757494,
            0.0235790129592,
            0.0523840856848,
        ],
        [
            0.0324408110623,
            0.00713146817062,
            0.0203551168718,
            0.0801713648421,
            0.0197755490744,
            0.00679235664552,
        ],
        [
            0.0429894162692,
            0.0320271643138,
            0.000947385913552,
            0.00306854991672,
            0.0763099240528,
            0.0113242262006,
        ],
        [
            0.0049332271273,
            0.0101226814027,
            0.0968723097403,
            0.0311613401807,
            0.00402109177492,
            0.0195560164408,
        ],
    ]
)


def slope(scale: Tensor, clock: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(scale.sum(), clock, retain_graph=True)
    return found[:, None]


@pytest.mark.parametrize("method", PATHS)
def test_paths_and_velocities(method: str) -> None:
    process, interpolant = OURS[method]
    # Where alpha and sigma are what theirs are at their time.
    angle = 0.5 * torch.pi * THEIR_TIME
    log_ratio = (angle.tan() if method == "VP-CFM" else THEIR_TIME / (1 - THEIR_TIME)).log()
    t = process.time(2.0 * log_ratio).requires_grad_()
    x_0, x_1 = interpolant.ends(process, DATA, START, NOISE, t)
    alpha, sigma = process.alpha(t), process.sigma(t)
    x_t, velocity = map(double, PATHS[method])
    close(process.perturb(x_0, t, x_1).detach(), x_t, rtol=1e-7, atol=1e-9)
    moving = slope(alpha, t) * x_0 + slope(sigma, t) * x_1
    # Theirs is by their time: how fast it passes is told by how fast alpha falls.
    theirs = torch.sin(angle) if method == "VP-CFM" else THEIR_TIME
    close(alpha.detach(), theirs, rtol=1e-7)
    pace = 0.5 * torch.pi * angle.cos() if method == "VP-CFM" else torch.ones_like(angle)
    found = moving / slope(alpha, t) * pace[:, None]
    close(found.detach(), velocity, rtol=1e-6, atol=1e-7)
    if process is LINE:
        # The network's own target is their velocity, with the sign turned.
        target = Flow().target(x_0, x_1, alpha, sigma)
        close(-target.detach(), velocity, rtol=1e-6, atol=1e-7)


def test_the_optimal_plan_of_a_batch() -> None:
    drawn = torch.full((6,), 0.5, dtype=torch.float64)
    assert OptimalTransport().partners(EXAMPLES, STARTS, drawn).tolist() == BEST


def test_the_entropic_plan_of_a_batch() -> None:
    found = Sinkhorn(1.5**2).plan(EXAMPLES, STARTS)
    np.testing.assert_allclose(found.T, ENTROPIC, rtol=0, atol=1e-6)
