"""Scenes of the reverse process: DDPM, reverse SDE, ODE, score and reverse kernel."""

from __future__ import annotations

from pathlib import Path

import torch

from snowmelt.densities.mixture import GaussianMixture
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane.marginals import marginal, marginal_in_time
from snowmelt.evaluation.plane.plane_arrays import VectorField
from snowmelt.evaluation.plane.reverse_kernel_curves import kernel_pairs, path_curves
from snowmelt.evaluation.plane.score_fields import score_of_density
from snowmelt.evaluation.plane.view import View
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.trajectories import Trajectory, forward, reverse
from snowmelt.viz.density_gallery.gallery_material import Material, Paced, evenly, frames_of
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.density_gallery.strips import save_clouds
from snowmelt.viz.plots.reverse_kernel_plot import reverse_kernel_figure
from snowmelt.viz.plots.sample_paths import paths_in_time_beside
from snowmelt.viz.plots.score_levels import score_levels
from snowmelt.viz.style import save_png

STEP_FROM = 0.25  # where one step back starts
LEVELS = (0.02, 0.1, 0.25, 0.6)
ROUTES = "DDPM chain", "reverse SDE", "probability-flow ODE"


def routes(material: Material, count: int) -> dict[str, Trajectory]:
    """The three ways back, from the same noise, with the exact score."""
    steps, grid = material.size.steps, Paced()
    samplers: tuple[Sampler, ...] = (
        DDIM(steps, eta=1.0, grid=grid),
        EulerMaruyama(steps, grid=grid),
        Heun(steps, grid=grid),
    )
    denoiser, index = material.denoiser(material.preserving), torch.arange(count)
    return {
        name: reverse(denoiser, sampler, index, (2,), seed=material.seed)
        for name, sampler in zip(ROUTES, samplers, strict=True)
    }


def draw_reverse(material: Material, folder: Path) -> None:
    """The three ways back side by side."""
    size = material.size
    ways = routes(material, size.points)
    moved = [frames_of(way, size.frames) for way in ways.values()]
    times = moved[0].times
    densities = material.noisy_densities(material.preserving, times)
    clouds = {name: way.states.numpy() for name, way in zip(ways, moved, strict=True)}
    save_clouds(folder / "reverse", clouds, times, densities, size.seconds)


def draw_paths_in_time(material: Material, folder: Path) -> None:
    """One coordinate of a few paths, there and back."""
    size, process = material.size, material.preserving
    starts = material.points[: size.paths]
    times = evenly(size.steps + 1)
    panels = {"forward": forward(process, starts, times, seed=material.seed)}
    panels |= routes(material, size.paths)
    panels.pop(ROUTES[0])
    drawn = {
        name: (way.times.numpy(), way.states[..., 0].numpy())
        for name, way in panels.items()
    }
    reach = material.reach
    density = marginal_in_time(material.density, View(process), -reach, reach)
    figure = paths_in_time_beside(drawn, raster=density)
    save_png(figure, folder / "paths_in_time.png")


def draw_score_field(material: Material, folder: Path) -> None:
    """The exact score at several noise levels."""
    process = material.preserving
    levels = [torch.tensor(t, dtype=torch.float64) for t in LEVELS]
    scores = [
        score_of_density(material.density, process, t, material.extent) for t in levels
    ]
    pairs = zip(scores, levels, strict=True)
    arrows = [scaled(score, float(process.sigma(t))) for score, t in pairs]
    titles = [f"t = {t:.2f}" for t in LEVELS]
    densities = material.noisy_densities(process, torch.stack(levels))
    save_png(score_levels(arrows, densities, titles), folder / "score_field.png")


def scaled(field: VectorField, factor: float) -> VectorField:
    """Longer arrows. The score times sigma is as long as noise is, at any time."""
    return VectorField(field.points, factor * field.vectors)


def draw_reverse_kernel(material: Material, folder: Path) -> None:
    """One step back of coordinate 1, exact and normal, for more and more steps."""
    density = marginal(material.density, (0,))
    assert isinstance(density, GaussianMixture)
    process = material.preserving
    state = most_undecided(density, process, STEP_FROM)
    pairs = kernel_pairs(density, process, x_t=state, t=STEP_FROM)
    # Beyond the films' own steps: only there have the curves the slopes of theory.
    counts = [4**k for k in range(6) if 4**k <= max(4, 11 * material.size.steps)]
    note = f"from the state {state:.2f}, which tells least about where it came from"
    figure = reverse_kernel_figure(pairs, path_curves(density, process, counts), note)
    save_png(figure, folder / "reverse_kernel.png")


def most_undecided(density: GaussianMixture, process: Process, t: float) -> float:
    """The state of a line for which the data that it came from is spread most."""
    time = torch.tensor(t, dtype=torch.float64)
    states = torch.linspace(-2, 2, 81, dtype=torch.float64)
    alpha, sigma = process.alpha(time), process.sigma(time)
    mean, _ = density.estimates(states[:, None], alpha, sigma)
    # The slope of the posterior mean is its variance times alpha / sigma^2.
    return float(states[mean[:, 0].diff().argmax()])


def needs_mixture(material: Material) -> str | None:
    """Why the reverse kernel of this density cannot be shown, if it cannot."""
    if isinstance(material.density, GaussianMixture):
        return None
    return "it is in closed form for mixtures of normal distributions only"


CHAPTER = Chapter(
    "From noise to data",
    (
        Scene(
            "reverse",
            "Three ways back",
            "Can the corruption be run backwards?",
            "The same noise, taken back in three ways: by the Markov chain of DDPM, by"
            " Anderson's reverse equation, and by an ordinary equation without any noise."
            " The paths differ and a point ends in different places, yet at every time all"
            " three clouds follow the same density.",
            "three clouds on their way from one normal cloud to the data, at six times",
            draw_reverse,
            has_animation=True,
        ),
        Scene(
            "paths_in_time",
            "Paths there and back",
            "If a single random path cannot be reversed, what can?",
            "Coordinate 1 of a few points over time, above its density. Forward and"
            " backward paths are as rough as each other, those of the ordinary equation"
            " are smooth; what the three share is the density behind"
            " them.",
            "coordinate 1 over time for the forward process, the reverse equation and the"
            " ordinary one, over the same density",
            draw_paths_in_time,
        ),
        Scene(
            "score_field",
            "The score: which way is more likely",
            "What has to be known to go back?",
            "The arrows are the gradient of the log-density, times the noise level. Near"
            " noise it only says where the middle is; near the data it points to the"
            " nearest part of it, and between two parts it turns round. This field, at all"
            " times, is all that a network has to learn.",
            "arrows of the score over the density at four noise levels",
            draw_score_field,
        ),
        Scene(
            "reverse_kernel",
            "One step back, and why it should be small",
            "Why many small steps, and not one from noise to data?",
            "The true law of the state one step earlier is a mixture: after a long step it"
            " may have several parts, and no normal distribution is like it. As the step"
            " shrinks it becomes normal, so all that is left to learn is its mean, a plain"
            " regression; the loss over the whole path falls by a power of the number of"
            " steps.",
            "the exact law of an earlier state beside the closest normal one, for steps of"
            " falling length, and how fast the gap closes",
            draw_reverse_kernel,
            missing=needs_mixture,
        ),
    ),
)
