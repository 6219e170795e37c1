"""The pairs of data and start that a flow was asked to join, by true examples.

A flow that makes no error has at every time the law of the states between such pairs,
whatever coupling they come from: that of the training, batch by batch. So the answer is
known exactly, and can be drawn, where neither density is.

The plan of a batch is not that of the two distributions. Where the latter is known, it is
taken instead: a bridge between mixtures of normal laws, in closed form between two normal
ones and by `snowmelt.densities.LightSB` otherwise. Where optimal pairs of batches stand in
for those of a bridge, the states between them are those of the training, and the bridge is
known beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities import Gaussian, GaussianMixture, LightSB, Perturbable, fit_lightsb
from snowmelt.diffusion.interpolants import BrownianBridge, Interpolant, Straight
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.transport.flow_paths import straightened
from snowmelt.training.couplings import Coupling, OptimalTransport, Sinkhorn

FITTED_ON = 3000  # draws of each end
COMPONENTS = 20
STEPS = 300
Joined = Callable[[Tensor, Tensor, Tensor | None, int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class PairLaw:
    """How true examples become pairs.

    Attributes:
        said: in words, for the protocol.
        joined: from examples, starts, classes and a seed to as many pairs.
        is_bridge: whether they are pairs of an entropic plan, which a walk along the bridge
            joins too.
        bridge: the Schroedinger bridge of the noise on the way, where it is known.
        said_of_bridge: what it is.
    """

    said: str
    joined: Joined
    is_bridge: bool = False
    bridge: LightSB | None = None
    said_of_bridge: str | None = None


def pair_law(
    coupling: Coupling,
    interpolant: Interpolant,
    batch_size: int,
    densities: tuple[Perturbable | None, Perturbable | None],
    seed: int,
    is_walked: bool = False,
) -> PairLaw:
    """The pairs that a training asks its flow to join.

    Args:
        coupling, interpolant: of the training.
        batch_size: of its batches.
        densities: of data and start in the model's units, where they are known.
        seed: of a fit.
        is_walked: whether samples are walked along a bridge with its noise. Optimal pairs
            of batches then stand in for those of the bridge, as in [SF]2M, and are held
            against it.
    """
    is_bridge, light = is_entropic(coupling, interpolant), None
    stands_in = is_walked and isinstance(coupling, OptimalTransport)
    if isinstance(interpolant, BrownianBridge) and (is_bridge or stands_in):
        light = _known_bridge(interpolant.std**2, densities, seed)
    if is_bridge and light is not None:
        said, bridge = light

        def ends(
            x_0: Tensor, x_1: Tensor, labels: Tensor | None, seed: int
        ) -> tuple[Tensor, Tensor]:
            return bridge.sample(x_1, seed=seed), x_1

        return PairLaw(said, ends, True, bridge, said)
    if coupling.is_independent:
        said = "true examples, paired as they come"
        return PairLaw(said, lambda x_0, x_1, labels, s: (x_0, x_1))

    def joined(
        x_0: Tensor, x_1: Tensor, labels: Tensor | None, seed: int
    ) -> tuple[Tensor, Tensor]:
        place = partners(coupling, x_0, x_1, labels, batch_size, seed)
        order = place.argsort(stable=True)  # in that of the starts, as samples are
        return x_0[order], x_1[place[order]]

    name = type(coupling).__name__
    said = f"true examples, joined by {name} in batches of {batch_size} as in the training"
    if light is None:
        return PairLaw(said, joined, is_bridge)
    return PairLaw(said, joined, is_bridge, light[1], light[0])


def is_entropic(coupling: Coupling, interpolant: Interpolant) -> bool:
    """Whether pairs and noise on the way are those of one Schroedinger bridge."""
    if not isinstance(coupling, Sinkhorn) or not isinstance(interpolant, BrownianBridge):
        return False
    return abs(interpolant.std**2 - coupling.entropy) <= 1e-6 * coupling.entropy


def partners(
    coupling: Coupling,
    x_0: Tensor,
    x_1: Tensor,
    labels: Tensor | None,
    batch_size: int,
    seed: int,
) -> Tensor:
    """The row of the start of each example, batch by batch. Shapes: -> (N,) int64"""
    rows = torch.arange(len(x_0))
    drawn = uniform((), seed=seed, stream=Stream.COUPLING, index=rows)
    found = torch.empty_like(rows)
    for batch in rows.split(batch_size):
        own = None if labels is None else labels[batch]
        place = coupling.partners(x_0[batch], x_1[batch], drawn[batch], own)
        found[batch] = batch[place]
    return found


def state(
    process: Process,
    interpolant: Interpolant,
    t: Tensor,
    ends: tuple[Tensor, Tensor],
    seed: int,
) -> Tensor:
    """The states between pairs at a time, straightened as those of a sampler are.

    At t = 0 and t = 1 they are the ends themselves, whatever noise the interpolant has
    there.

    Shapes:
        t: (), ends: (N, D), (N, D) -> (N, D) float64
    """
    x_0, x_1 = (end.to(torch.float64) for end in ends)
    if float(t) in (0.0, 1.0):
        return x_0 if float(t) == 0.0 else x_1
    x = float(process.alpha(t)) * x_0 + float(process.sigma(t)) * x_1
    if not isinstance(interpolant, Straight):
        index, shape = torch.arange(len(x)), tuple(x.shape[1:])
        z = normal(shape, seed=seed, stream=Stream.PATH_NOISE, index=index)
        x = x + float(interpolant.gamma(process, t)) * z.to(torch.float64)
    return straightened(process, t, x)[1]


def _known_bridge(
    entropy: float, densities: tuple[Perturbable | None, Perturbable | None], seed: int
) -> tuple[str, LightSB] | None:
    """The Schroedinger bridge between two mixtures of normal laws, and what it is."""
    data, start = densities
    if not isinstance(data, GaussianMixture) or not isinstance(start, GaussianMixture):
        return None
    if len(data.weights) == len(start.weights) == 1:
        one, two = (Gaussian(g.mean(), covariance=g.covariance()) for g in (data, start))
        said = "the Schroedinger bridge of two normal laws, in closed form"
        return said, LightSB.between_normals(one, two, entropy)
    x_0, x_1 = (
        law.sample(FITTED_ON, seed=2 * seed + number, dtype=torch.float64)
        for number, law in enumerate((data, start))
    )
    with tqdm(desc="Schroedinger bridge", unit="call") as bar:

        def show(call: int, value: float) -> None:
            bar.update()
            bar.set_postfix_str(f"{value:.4f}")

        light = fit_lightsb(
            x_0,
            x_1,
            entropy,
            components=COMPONENTS,
            covariances="full",
            steps=STEPS,
            seed=seed,
            watch=show,
        )
    said = (
        f"the Schroedinger bridge of the two known laws, by LightSB with {COMPONENTS}"
        f" components from {FITTED_ON:,} draws of each"
    )
    return said, light
