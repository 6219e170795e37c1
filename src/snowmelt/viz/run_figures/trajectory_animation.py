"""Clouds of points on their way, over the density of each moment where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.sampling.trajectories import forward
from snowmelt.viz.animation.cloud_animation import cloud_film, cloud_strip
from snowmelt.viz.run_figures.point_setting import Setting
from snowmelt.viz.style import save_png

MOMENTS = 48
FILMED = 2500  # more would make a film too heavy to embed


def reverse_film(
    setting: Setting, frames: NDArray, times: Sequence[float], folder: Path
) -> None:
    """Write `trajectory.gif` and `trajectory.png`: samples on their way from noise.

    Args:
        frames: (K, N, D), as they are seen.
        times: (K,), falling.
    """
    _save(setting, frames, times, folder / "trajectory")


def forward_film(setting: Setting, folder: Path) -> None:
    """Write `forward.gif` and `forward.png`: real points that turn into noise.

    Each takes a Markov chain of its own, from moment to moment.

    Raises:
        ValueError: there are no real points.
    """
    if setting.real is None:
        raise ValueError("there are no real points to start from")
    clock = torch.linspace(0.0, 1.0, MOMENTS, dtype=torch.float64)
    start = setting.real[:FILMED]
    way = forward(setting.process, start, clock, seed=setting.seed)
    times = clock.tolist()
    frames = [setting.seen(x, t) for x, t in zip(way.states, times, strict=True)]
    _save(setting, np.stack(frames), times, folder / "forward")


def _save(setting: Setting, frames: NDArray, times: Sequence[float], target: Path) -> None:
    frames = frames[:, :FILMED]
    data = frames[int(np.argmin(times))]
    extent = setting.extent_with(data)
    behind, reference = setting.rasters(times, extent), setting.reference()
    if reference is not None:
        reference = reference[:FILMED]
    strip = cloud_strip(frames, times, background=behind, reference=reference)
    save_png(strip, target.with_suffix(".png"))
    cloud_film(
        target.with_suffix(".gif"),
        [frames],
        [""],
        times,
        background=behind,
        reference=reference,
    )
