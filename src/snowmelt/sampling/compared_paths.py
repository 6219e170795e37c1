r"""Paths of three samplers from the same noise, by one score.

The DDPM chain, the reverse SDE and the probability-flow ODE have the same marginal density
at every time, so with the true score their samples have the same distribution. Their paths
differ: the first two add noise, so that the end of a path depends little on its start; the
ODE adds none, and its paths never cross, so that it maps noise to data one to one.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.loop import can_follow
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.trajectories import Trajectory, reverse, visible_scale

FOLLOWED = 14
STEPS = 150
HEUN_STEPS = 40


def samplers() -> dict[str, Sampler]:
    """The three samplers, by name."""
    return {
        "chain": DDIM(STEPS, eta=1.0),
        "sde": EulerMaruyama(STEPS),
        "ode": Heun(HEUN_STEPS),
    }


def compared_paths(
    denoiser: Denoiser, manifest: Manifest, *, seed: int
) -> dict[str, NDArray[np.float64]]:
    """The way of the first samples' starts by each of `samplers`, in the data's units.

    A sampler that needs a finite slope where there is none, without any signal at $t = 1$,
    has no way; neither has one that adds noise to a flow without its score. States of one
    that went astray may be no numbers.

    Returns:
        `<name>_times` (K,) and `<name>_states` (K, N, D) for each.
    """
    device = next((weight.device for weight in denoiser.parameters()), torch.device("cpu"))
    index = torch.arange(FOLLOWED, device=device)
    is_endless = denoiser.process.schedule.has_zero_terminal_snr
    found: dict[str, NDArray[np.float64]] = {}
    for name, sampler in samplers().items():
        is_lost = sampler.needs_finite_slope and is_endless
        if not is_lost and can_follow(denoiser, sampler):
            way = reverse(denoiser, sampler, index, manifest.shape, seed=seed)
            found[f"{name}_times"] = way.times.numpy()
            found[f"{name}_states"] = as_seen(way, denoiser, manifest)
    return found


def as_seen(way: Trajectory, denoiser: Denoiser, manifest: Manifest) -> NDArray[np.float64]:
    """States of points in the data's units, those that grew shrunk; see `visible_scale`.

    Shapes:
        -> (K, N, D)
    """
    mean = torch.tensor(manifest.mean or 0.0, dtype=torch.float64)
    scales = [visible_scale(denoiser.process, t) for t in way.times.to(way.states.device)]
    length = torch.tensor(scales, dtype=torch.float64)[:, None, None]
    states = way.states.cpu().to(torch.float64) * length
    return (states * (manifest.std or 1.0) + mean).numpy()
