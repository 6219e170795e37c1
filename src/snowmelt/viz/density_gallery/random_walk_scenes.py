"""Scenes of sampling without diffusion: Markov chains, and kernel density estimation."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.densities import Density, GridDensity, KernelDensity
from snowmelt.densities.mcmc import MALA, Hamiltonian, Kernel, Langevin, RandomWalk, run
from snowmelt.evaluation.plane.raster import raster
from snowmelt.viz.animation.chain_animation import chain_animation
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.plots.markov_chains import chains_on_density
from snowmelt.viz.plots.round_trip import View, round_trip
from snowmelt.viz.style import save_png

KERNELS: dict[str, Kernel] = {
    "random-walk Metropolis": RandomWalk(0.3),
    "MALA": MALA(0.05),
    "Hamiltonian": Hamiltonian(0.1, leaps=6),
}
CHAINS = 4
# Standard deviation of the noise that gives a density with edges a score.
SOFTNESS = 0.05
# Of the kernels: the usual rules assume one mode, and blur a density of several.
BANDWIDTH = 0.15
CLOUD, CLOUD_STEPS = 300, 200
WALK, DRIFT = RandomWalk(0.25), Langevin(0.01)


def smoothed_density(material: Material) -> Density:
    """The density for the chains; one with sharp edges has no score, and is smoothed."""
    density = material.density
    if not isinstance(density, GridDensity) or density.std > 0:
        return density
    level = torch.tensor(-2.0 * math.log(SOFTNESS), dtype=torch.float64)
    return density.at(material.walk, material.walk.time(level))


def draw_markov_chains(material: Material, folder: Path) -> None:
    """Draw chains of three kernels, all started at the same point."""
    size, density = material.size, smoothed_density(material)
    start = material.points[:1].expand(CHAINS, 2)
    chains = {
        name: run(density, kernel, start, size.chain_steps, seed=material.seed)
        for name, kernel in KERNELS.items()
    }
    states = {
        name: torch.cat((start[None].double(), found.states)).numpy()
        for name, found in chains.items()
    }
    file, seconds = folder / "markov_chains.gif", 1.5 * size.seconds
    chain_animation(file, states, raster=material.still, seconds=seconds)
    figure = chains_on_density(states, raster=material.still, traced=CHAINS)
    save_png(figure, folder / "markov_chains.png")


def draw_points_and_density(material: Material, folder: Path) -> None:
    """A cloud, its kernel density, and points drawn from that in three ways."""
    size, seed = material.size, material.seed
    cloud = material.points[:CLOUD].to(torch.float64)
    density = KernelDensity(cloud, BANDWIDTH)
    index = torch.arange(len(cloud))
    start = normal((2,), seed=seed, stream=Stream.TRAJECTORY, index=index)
    behind = raster([density], material.extent, size.cells)
    drawn = {
        "drawn from it, exactly": density.sample(len(cloud), seed=seed + 1),
        "drawn by Metropolis": _ends(density, WALK, start, seed),
        "drawn by Langevin": _ends(density, DRIFT, start, seed),
    }
    views = [
        View("points", cloud.numpy(), is_given=True),
        View("the density they suggest", raster=behind),
        View("both", cloud.numpy(), behind, is_given=True),
        *(View(title, x.numpy(), behind) for title, x in drawn.items()),
    ]
    save_png(round_trip(views, material.extent), folder / "points_and_density.png")


def _ends(density: Density, kernel: Kernel, start: Tensor, seed: int) -> Tensor:
    """The last state of a chain from each start. Shapes: start: (C, 2) -> (C, 2)"""
    return run(density, kernel, start, CLOUD_STEPS, seed=seed).states[-1]


CHAPTER = Chapter(
    "Sampling without diffusion",
    (
        Scene(
            "points_and_density",
            "From points to a density, and back",
            "Is a cloud of points a distribution, and a distribution a cloud of points?",
            "A kernel on each point gives a density, and draws of the density give points"
            " again. Exact draws use the construction of the density; Metropolis and"
            " Langevin need only its values or its score, but converge to the mode nearest"
            " to their start, so the modes get other weights than in the density.",
            "a cloud, the density it suggests, and three clouds drawn from that density",
            draw_points_and_density,
        ),
        Scene(
            "markov_chains",
            "Markov chain Monte Carlo",
            "Why not sample the density itself by a Markov chain?",
            "Chains of Metropolis, MALA and Hamiltonian Monte Carlo, all started"
            " at the marked point. All have the density as their stationary distribution,"
            " but where modes are far apart they take very long to reach it, and a chain"
            " that never leaves its first mode shows no sign of that.",
            "paths and traces of chains of three kinds over the density",
            draw_markov_chains,
            has_animation=True,
        ),
    ),
)
