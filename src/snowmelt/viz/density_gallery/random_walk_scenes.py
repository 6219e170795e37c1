"""The older way: Markov chains on the density; and from points to a density and back."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.densities import Density, GridDensity, KernelDensity
from snowmelt.densities.mcmc import MALA, Hamiltonian, Kernel, Langevin, RandomWalk, run
from snowmelt.evaluation.plane.raster import raster
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.plots.markov_chains import chains_film, chains_on_density
from snowmelt.viz.plots.round_trip import View, round_trip
from snowmelt.viz.style import save_png

KERNELS: dict[str, Kernel] = {
    "random-walk Metropolis": RandomWalk(0.3),
    "MALA": MALA(0.05),
    "Hamiltonian": Hamiltonian(0.1, leaps=6),
}
CHAINS = 4
# Of the noise that gives a density with edges a score to walk along.
SOFTNESS = 0.05
# Of the bumps: a rule would fit one normal heap, and blurs a density of several.
BANDWIDTH = 0.15
CLOUD, CLOUD_STEPS = 300, 200
WALK, DRIFT = RandomWalk(0.25), Langevin(0.01)


def walked(material: Material) -> Density:
    """The density for chains to walk on: one of hard cells has no slope, and gets some."""
    density = material.density
    if not isinstance(density, GridDensity) or density.std > 0:
        return density
    level = torch.tensor(-2.0 * math.log(SOFTNESS), dtype=torch.float64)
    return density.at(material.walk, material.walk.time(level))


def draw_markov_chains(material: Material, folder: Path) -> None:
    """Three kernels, all chains from the same place."""
    size, density = material.size, walked(material)
    start = material.points[:1].expand(CHAINS, 2)
    chains = {
        name: run(density, kernel, start, size.chain_steps, seed=material.seed)
        for name, kernel in KERNELS.items()
    }
    states = {
        name: torch.cat((start[None].double(), found.states)).numpy()
        for name, found in chains.items()
    }
    chains_film(
        folder / "markov_chains.gif",
        states,
        raster=material.still,
        seconds=1.5 * size.seconds,
    )
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
    """Where a chain from each start is in the end. Shapes: start: (C, 2) -> (C, 2)"""
    return run(density, kernel, start, CLOUD_STEPS, seed=seed).states[-1]


CHAPTER = Chapter(
    "Sampling without diffusion",
    (
        Scene(
            "points_and_density",
            "From points to a density, and back",
            "Is a cloud of points a distribution, and a distribution a cloud of points?",
            "A bump on each point makes a density of a cloud, and drawing makes a cloud of"
            " a density. Exact draws need to know how the density was made; Metropolis and"
            " Langevin need only its values or its slope, but walk to the nearest part from"
            " where they happen to start, so the shares of the parts are theirs, not the"
            " density's.",
            "a cloud, the density it suggests, and three clouds drawn from that density",
            draw_points_and_density,
        ),
        Scene(
            "markov_chains",
            "Markov chain Monte Carlo",
            "Why not simply walk uphill, and downhill now and then?",
            "Chains on the density itself, all from one place, the mark: a step in a random"
            " direction, a step along the score, and a push with a long roll. All are"
            " exact in the long run; where two parts of a density lie far apart, the long"
            " run is very long, and a chain that stays where it began looks perfectly"
            " healthy from inside.",
            "paths and traces of chains of three kinds over the density",
            draw_markov_chains,
            has_film=True,
        ),
    ),
)
