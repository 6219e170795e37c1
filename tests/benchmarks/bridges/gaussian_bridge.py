"""The bridge between N(-0.1, I) and N(0.1, I), whose marginals are known.

A bridge learns from 10,000 points of each end and is walked in 20 steps from as many
others. At the 21 times of the way the normal law of the points is compared with the exact
one, which `CoupledMixture` knows.

References:
    De Bortoli, Thornton, Heng & Doucet (2021), arXiv:2106.01357, section 5 (the task);
    Tong et al. (2024), arXiv:2307.03672, and Shi et al. (2023), arXiv:2303.16852, section 6
    (their numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from snowmelt.common.files import write_json
from snowmelt.densities.coupled_mixture import CoupledMixture
from snowmelt.densities.gaussian import Gaussian
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Flow
from snowmelt.sampling.samplers.sde import EulerMaruyama
from tests.benchmarks.bridges.cells import TRUE, Protocol, Tick, trained
from tests.benchmarks.bridges.distributions import MEAN, PAIRS, Points
from tests.benchmarks.bridges.flows import WEIGHTS, carried
from tests.benchmarks.bridges.methods import BRIDGE, METHODS, PROCESS
from tests.sampling.exact_flows import ExactBridge

STEPS = 20
EXACT = "exact drift"
ROWS = ("[SF]2M-Exact", "[SF]2M-Sink", "DSBM-IMF")


def exact_bridge(size: int) -> CoupledMixture:
    """The bridge of noise 1 between the two."""
    data, start = (Gaussian([sign * MEAN] * size, std=1.0) for sign in (1.0, -1.0))
    return CoupledMixture.entropic(data, start, entropy=BRIDGE.std**2)


def measure_bridge(protocol: Protocol, pair: str, name: str, tick: Tick) -> float:
    """Train a bridge, walk it from the test starts, and compare it with the exact one.

    Returns:
        Processor seconds that calls which were killed have spent on it.
    """
    method = METHODS[name]
    flow = trained(protocol, pair, method, tick)
    for weights in WEIGHTS:
        _measure_walk(protocol, pair, flow.denoiser(weights), f"{name}.{weights}")
    return flow.seconds


def measure_exact(protocol: Protocol, pair: str) -> None:
    """What as many draws from the exact marginals come to, the floor, and what the walk
    does whose drift has no error.
    """
    size = PAIRS[pair].size
    exact, times = exact_bridge(size), torch.linspace(1.0, 0.0, STEPS + 1).double()
    laws = [exact.at(PROCESS, BRIDGE, t) for t in times]
    protocol.file(pair, TRUE).parent.mkdir(parents=True, exist_ok=True)
    for seed in protocol.seeds:
        states = [
            law.sample(protocol.points, seed=1000 * seed + k).numpy()
            for k, law in enumerate(laws)
        ]
        told = compared(states, exact, times)
        write_json(protocol.file(pair, f"{TRUE}.{seed}.json"), told)
    net = ExactBridge(exact, PROCESS, BRIDGE, Flow())
    denoiser = BridgeDenoiser(net, PROCESS, Flow(), BRIDGE)
    _measure_walk(protocol, pair, denoiser, EXACT)


def _measure_walk(protocol: Protocol, pair: str, denoiser: Denoiser, name: str) -> None:
    """Walk from the test starts of all seeds, and keep how far each is from the bridge."""
    starts = np.stack([split[2].start for split in protocol.ends(pair)])
    sampler, exact = EulerMaruyama(STEPS), exact_bridge(PAIRS[pair].size)
    times = torch.cat((sampler.times(PROCESS), torch.zeros(1, dtype=torch.float64)))
    states: list[Points] = []

    def watch(number: int, t: Tensor, x: Tensor) -> None:
        states.append(x.numpy().reshape(starts.shape))

    ends = carried(denoiser, sampler, starts, seed=0, watch=watch)
    for place, seed in enumerate(protocol.seeds):
        told = compared([one[place] for one in states], exact, times)
        told["covariance"] = mean_covariance(starts[place], ends[place])
        write_json(protocol.file(pair, f"{name}.{seed}.json"), told)


def compared(
    states: Sequence[Points], exact: CoupledMixture, times: Tensor
) -> dict[str, Any]:
    """The mean over times of KL(normal law of the points | exact one), in nats.

    By `divergence` with the whole covariance, by `by_dimension` with its diagonal alone,
    which needs fewer points.

    Shapes:
        states: (N, D) at each time
    """
    found: dict[str, list[float]] = {"divergence": [], "by_dimension": []}
    for points, t in zip(states, times, strict=True):
        x, true = torch.from_numpy(points).double(), exact.at(PROCESS, BRIDGE, t)
        mean, covariance = x.mean(0), x.T.cov()
        whole = kl_divergence(
            MultivariateNormal(mean, covariance),
            MultivariateNormal(true.mean(), true.covariance()),
        )
        alone = kl_divergence(
            Normal(mean, covariance.diag().sqrt()),
            Normal(true.mean(), true.covariance().diag().sqrt()),
        )
        found["divergence"].append(float(whole))
        found["by_dimension"].append(float(alone.sum()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def mean_covariance(one: Points, two: Points) -> float:
    """The covariance of the two ends, averaged over dimensions. Shapes: (N, D), (N, D)"""
    away: list[NDArray[np.float64]] = [x - x.mean(0, dtype=np.float64) for x in (one, two)]
    return float((away[0] * away[1]).sum() / (len(one) - 1) / one.shape[1])
