r"""What Euler's rule loses on a flow, by the number of its steps.

Euler's rule of N steps holds the velocity for an Nth of the way. Where paths are straight
and walked at one pace nothing is lost; where they are crooked the error falls as $1/N$. It
is taken here against the same flow in many more steps of a better rule, from the same
starts, so that it is the fault of the steps alone and not of the network.

References:
    Liu, Gong & Liu (2023), arXiv:2209.03003, section 2.2 (straight flows need few steps).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Euler, Heun
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.trajectories import reverse

COUNTS = (1, 2, 4, 8, 16, 32, 64)
FINE = 128  # steps of the rule that stands for the flow itself
MOST = 1000  # starts


def step_errors(
    denoiser: Denoiser, manifest: Manifest, *, count: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """The error of the ends for each number of steps, in the data's units.

    Args:
        count: how many starts there are to walk from, at most `MOST` of which are.

    Returns:
        `steps` (S,), `errors` (S,), the root mean square distance of the ends from those
        of the flow itself, and `way` (), the same from the starts; nothing of a schedule
        without any signal at t = 1, where the slope is infinite.
    """
    if denoiser.process.schedule.has_zero_terminal_snr:
        return {}
    device = next((weight.device for weight in denoiser.parameters()), torch.device("cpu"))
    index = torch.arange(min(count, MOST), device=device)
    unit = manifest.std or 1.0

    def ends(sampler: Sampler) -> Tensor:
        return sample(denoiser, sampler, index, manifest.shape, seed=seed)

    def apart(one: Tensor, other: Tensor) -> float:
        squared = (one.double() - other.double()).square().flatten(1).sum(1)
        return unit * float(squared.mean().sqrt())

    fine = reverse(denoiser, Heun(FINE), index, manifest.shape, seed=seed).states
    errors = [apart(ends(Euler(steps)), fine[-1]) for steps in COUNTS]
    return {
        "steps": np.array(COUNTS),
        "errors": np.array(errors),
        "way": np.array(apart(fine[0], fine[-1])),
    }
