r"""The error of a learned drift, where the drift of the exact flow or bridge is known.

In the coordinates of `flow_paths` the data is at $u = 0$ and the start at $u = 1$, whatever
process and schedule are. With the means $\hat x_0^*, \hat x_1^*$ of the effective ends and
$\hat z$ of the noise on the way, given the state, the drift towards the data is

$$b = \hat x_0^* - \hat x_1^*
  - \frac{\eta^2}{2}\,\frac{\gamma}{(\alpha + \sigma)\,u\,(1 - u)}\,\hat z ,$$

the velocity of the flow where $\eta = 0$; with $\eta = 1$ and a Brownian bridge it is
$(\mathrm{E}[x_0\mid y] - y)/u$, the drift of the bridge. The error is
$\mathrm{E}\lVert b - b^\star\rVert^2$ over states of the exact law, a mean over times. A
network without error has 0.

The exact drift is known of independent pairs of two mixtures of normal laws at every
interpolant, of the entropic plan of two normal laws, and of a Schroedinger bridge between
mixtures that is walked with its noise.

References:
    Tong et al. (2024), arXiv:2307.03672, eqs. 8 and 9 (the drift by velocity and score).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from snowmelt.densities import CoupledMixture, Gaussian, GaussianMixture
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.transport.carried_samples import CarriedSamples
from snowmelt.evaluation.transport.true_pairs import PairLaw, is_entropic, state
from snowmelt.evaluation.transport.walked_states import Moment
from snowmelt.training.couplings import Independent, Sinkhorn

Pairs = tuple[Tensor, Tensor]
Drift = Callable[[Tensor, Tensor, float], Tensor]  # of straightened states, t and u


def known_drift(carried: CarriedSamples, law: PairLaw, process: Process) -> Drift | None:
    """The exact drift of what samples were walked along; None where nobody knows it.

    Args:
        law: the pairs that the training asked for.
        process: of the model, on the processor.
    """
    if carried.walks_bridge and law.bridge is not None:
        bridge = law.bridge
        return lambda y, t, u: bridge.drift(y, u)
    if carried.has_noise and not carried.walks_bridge:
        return None
    if (coupled := _coupled(carried)) is None:
        return None
    interpolant, eta = carried.interpolant, float(carried.walks_bridge)

    def flow(y: Tensor, t: Tensor, u: float) -> Tensor:
        x = float(process.alpha(t) + process.sigma(t)) * y
        x_0, x_1, z = coupled.estimates(x, process, interpolant, t)
        ends = interpolant.ends(process, x_0, x_1, z, t)
        return _towards_data(process, interpolant, t, u, eta, *ends, z)

    return flow


def drift_errors(
    denoiser: Denoiser,
    process: Process,
    exact: Drift,
    interpolant: Interpolant,
    pairs: Pairs,
    moments: Sequence[Moment],
    eta: float,
    seed: int,
) -> Tensor | None:
    """The squared error of the drift at states between pairs, a mean over times.

    Args:
        denoiser: with the network, wherever that computes.
        process: of the denoiser, on the processor.
        pairs: true ones, in the model's units.
        moments: the times, of which those between the ends count.
        eta: how much of the bridge's noise the walk has.
        seed: of the noise between the pairs.

    Returns:
        In the square of the model's unit, (N,) float64; None where no time lies between.
    """
    found, device = [], next(denoiser.parameters()).device
    for moment in moments:
        t, u = moment.t, moment.share
        if not 0.0 < u < 1.0:
            continue
        y = state(process, interpolant, t, pairs, seed)
        x = (float(process.alpha(t) + process.sigma(t)) * y).to(device, pairs[0].dtype)
        with torch.no_grad():
            if isinstance(denoiser, BridgeDenoiser):
                ends = denoiser.bridge(x, t.to(device))
            else:
                ends = (*denoiser.estimates(x, t.to(device)), torch.zeros_like(x))
        there = (part.to("cpu", torch.float64) for part in ends)
        learned = _towards_data(process, interpolant, t, u, eta, *there)
        found.append((learned - exact(y, t, u)).square().sum(1))
    return torch.stack(found).mean(0) if found else None


def _towards_data(
    process: Process,
    interpolant: Interpolant,
    t: Tensor,
    u: float,
    eta: float,
    x_0: Tensor,
    x_1: Tensor,
    z: Tensor,
) -> Tensor:
    """The drift that follows from the means of the effective ends and of the noise.

    Shapes:
        t: (), x_0, x_1, z: (B, D) -> (B, D)
    """
    scale = float(interpolant.gamma(process, t) / (process.alpha(t) + process.sigma(t)))
    return x_0 - x_1 - 0.5 * eta**2 * scale / (u * (1.0 - u)) * z


def _coupled(carried: CarriedSamples) -> CoupledMixture | None:
    """The law of both ends together, where it is a mixture of normal laws."""
    data, start = carried.densities
    if not isinstance(data, GaussianMixture) or not isinstance(start, GaussianMixture):
        return None
    coupling = carried.coupling
    if isinstance(coupling, Independent) and not coupling.is_paired:
        return CoupledMixture.independent(data, start)
    are_normal = len(data.weights) == len(start.weights) == 1
    if not are_normal or not is_entropic(coupling, carried.interpolant):
        return None
    assert isinstance(coupling, Sinkhorn)
    one, two = (Gaussian(g.mean(), covariance=g.covariance()) for g in (data, start))
    return CoupledMixture.entropic(one, two, coupling.entropy)
