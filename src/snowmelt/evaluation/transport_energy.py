r"""What a flow costs: how far it carries, and how crooked its ways are.

Between the start $x_1$ and the end $x_0$ of each way lie two numbers,

$$C = \mathrm{E}\lVert x_0 - x_1\rVert^2, \qquad
  E = \mathrm{E}\int_0^1 \lVert \dot x_u\rVert^2\,du$$

on the clock $u$ of the straight line, from 1 at the start to 0 at the data. The second is
the action of Benamou and Brenier: no flow between the two marginals has less of it than
their squared Wasserstein distance, and $E \ge C$ with equality for straight ways at one
pace, which a single step follows.

References:
    Benamou & Brenier (2000), Numerische Mathematik 84; Tong et al. (2024),
    arXiv:2302.00482, section 5 (normalised path energy).
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.ode import Euler

STEPS = 100


def transport_cost(x_0: Tensor, x_1: Tensor) -> float:
    """The mean squared distance between the two ends of a way, over all coordinates.

    Shapes:
        x_0, x_1: (N, *D)

    Raises:
        ValueError: the shapes differ.
    """
    if x_0.shape != x_1.shape:
        raise ValueError(f"ends of ways have one shape, got {x_0.shape} and {x_1.shape}")
    return float((x_0 - x_1).double().square().flatten(1).sum(1).mean())


def path_energies(
    denoiser: Denoiser,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    steps: int = STEPS,
    seed: int = 0,
) -> Tensor:
    """The energy of the way of each start along the flow, by Euler's rule.

    Ways of a bridge have noise, and no finite energy; those of its flow have.

    Args:
        denoiser: of a rectified flow, whose sigma is the clock.
        index: which starts.
        steps: of equal length in time.
        seed: of the noise where the ways begin in noise.

    Shapes:
        index: (B,) -> (B,) float64
    """
    clock: list[float] = []
    energies = torch.zeros(len(index), dtype=torch.float64, device=index.device)
    before: list[Tensor] = []

    def watch(step: int, t: Tensor, x: Tensor) -> None:
        # The start stands at 1 and the data at 0, which sigma itself comes close to.
        is_end = len(clock) == steps
        clock.append(
            1.0 if not clock else 0.0 if is_end else float(denoiser.process.sigma(t))
        )
        state = x.double().flatten(1)
        if before:
            length = clock[-2] - clock[-1]
            energies.add_((state - before.pop()).square().sum(1) / length)
        before.append(state)

    sample(denoiser, Euler(steps), index, shape, seed=seed, watch=watch)
    return energies
