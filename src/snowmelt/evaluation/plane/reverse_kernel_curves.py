"""Exact and normal reverse kernels of data on a line: see `densities.reverse_kernel`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from snowmelt.densities.mixture import GaussianMixture
from snowmelt.densities.reverse_gap import path_divergence
from snowmelt.densities.reverse_kernel import closest_normal, reverse_kernel
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane.plane_arrays import KernelPair, PathCurve

# The share of the way between the variances of a DDPM step; None: the kernel's own width.
KINDS: Mapping[str, float | None] = {
    "closest normal": None,
    "DDPM, small variance": 0.0,
    "DDPM, large variance": 1.0,
}


def kernel_pairs(
    density: GaussianMixture,
    process: Process,
    *,
    x_t: float = 0.0,
    t: float = 0.5,
    counts: Sequence[int] = (1, 4, 16, 64),
    places: int = 600,
) -> list[KernelPair]:
    """The step back from one state, for paths of more and more steps.

    Args:
        density: of the data, in one dimension.
        t: the time that it starts at, or the nearest one above 0 that a path of so many
            equal steps has.
        counts: steps from t = 1 to 0.
    """
    state = torch.tensor([x_t], dtype=torch.float64)
    found = []
    for count in counts:
        step = max(1, round(t * count))
        times = torch.tensor([step, step - 1], dtype=torch.float64) / count
        kernel = reverse_kernel(density, process, state, *times)
        title = f"T = {count}: t = {float(times[0]):.3g} to {float(times[1]):.3g}"
        found.append((title, kernel, closest_normal(kernel)))
    reach = [
        float(normal.mean() + side * 3.2 * normal.covariance().sqrt())
        for _, _, normal in found
        for side in (-1, 1)
    ]
    x = torch.linspace(min(reach), max(reach), places, dtype=torch.float64)
    pairs = []
    for title, kernel, normal in found:
        p, q = kernel.log_prob(x[:, None]), normal.log_prob(x[:, None])
        width = float(x[1] - x[0])
        pairs.append(
            KernelPair(
                title=title,
                places=x.numpy(),
                exact=p.exp().numpy(),
                normal=q.exp().numpy(),
                start=x_t,
                divergence=float((p.exp() * (p - q)).sum()) * width,
            )
        )
    return pairs


def path_curves(
    density: GaussianMixture,
    process: Process,
    counts: Sequence[int] = (1, 4, 16, 64, 256),
) -> list[PathCurve]:
    """What each kind of normal step loses over paths of so many equal steps.

    The order is that between the last two numbers of steps.

    Args:
        density: of the data, in one dimension.

    Raises:
        ValueError: fewer than two numbers of steps.
    """
    if len(counts) < 2:
        raise ValueError(f"an order needs two numbers of steps or more, got {len(counts)}")
    steps = np.array(counts, dtype=float)
    curves = []
    for name, share in KINDS.items():
        lost = np.array(
            [path_divergence(density, process, count, share) for count in counts]
        )
        order = np.log(lost[-1] / lost[-2]) / np.log(steps[-1] / steps[-2])
        curves.append(PathCurve(name, steps, lost, float(order)))
    return curves
