"""Scenes that compare a learned denoiser with the exact one, in the model's process."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.plane.plane_arrays import VectorField
from snowmelt.evaluation.plane.raster import raster
from snowmelt.evaluation.plane.score_fields import (
    difference,
    score_of_denoiser,
    score_of_density,
)
from snowmelt.evaluation.plane.view import View
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.trajectories import Trajectory, reverse
from snowmelt.viz.density_gallery.gallery_material import Material, Paced, frames_of
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.density_gallery.strips import save_clouds
from snowmelt.viz.plots.vector_fields import fields
from snowmelt.viz.style import save_png

# Noise levels as log-SNR: mostly data, about even, mostly noise.
LOG_SNRS = (4.0, 0.0, -3.0)
ROUTES = {"DDPM chain": 1.0, "ODE (DDIM)": 0.0}


def pair(material: Material) -> dict[str, Denoiser]:
    """The denoiser without error and the learned one, of one process."""
    assert material.learned is not None
    process = material.learned.process
    return {"exact": material.denoiser(process), "learned": material.learned}


def seen(path: Trajectory, view: View) -> Tensor:
    """The states of a path as a person looks at them. Shapes: -> (K, N, 2) float64"""
    pairs = zip(path.states, path.times, strict=True)
    return torch.stack([view.places(x, t) for x, t in pairs])


def draw_learned_reverse(material: Material, folder: Path) -> None:
    """Draw two samplers, each with the exact and with the learned denoiser."""
    size, denoisers = material.size, pair(material)
    view = View(denoisers["exact"].process)
    index = torch.arange(size.points)
    clouds = {}
    for route, eta in ROUTES.items():
        sampler = DDIM(size.steps, eta=eta, grid=Paced())
        for name, denoiser in denoisers.items():
            path = reverse(denoiser, sampler, index, (2,), seed=material.seed)
            moved = frames_of(path, size.frames)
            clouds[f"{route}, {name}"] = seen(moved, view).numpy()
    noisy = [view.density(material.density, t) for t in moved.times]
    densities = raster(noisy, material.extent, size.cells)
    file = folder / "learned_reverse"
    save_clouds(file, clouds, moved.times, densities, size.seconds)


def compared(material: Material, t: Tensor) -> list[VectorField]:
    """The exact score at a time, the learned one, and what is too much of it."""
    denoisers = pair(material)
    process, extent = denoisers["exact"].process, material.extent
    exact = score_of_density(material.density, process, t, extent)
    found = score_of_denoiser(denoisers["learned"], t, extent)
    return [exact, found, difference(found, exact)]


def draw_learned_score(material: Material, folder: Path) -> None:
    """The exact score, the learned one and their difference, a row a noise level."""
    process = pair(material)["exact"].process
    levels = torch.tensor(LOG_SNRS, dtype=torch.float64)
    times = [process.time(level) for level in levels]
    rows = [compared(material, t) for t in times]
    titles = [f"t = {float(t):.2f}" for t in times]
    columns = "exact", "learned", "learned − exact"
    behind = [material.noisy_densities(process, t[None]) for t in times]
    save_png(fields(rows, titles, columns, behind), folder / "learned_score.png")


def has_none(material: Material) -> str | None:
    """An empty reason where no model was given, which is then not shown."""
    return "" if material.learned is None else None


CHAPTER = Chapter(
    "A learned score",
    (
        Scene(
            "learned_reverse",
            "The reverse process with a learned score",
            "How accurate are samples with the network's score?",
            "The same noise is denoised with the exact denoiser and with the one that was"
            " learned from points, in the model's own process. Sampler, steps and noise are"
            " the same, so every difference between the clouds is the network's error.",
            "clouds on their way to the data with the exact and with the learned denoiser",
            draw_learned_reverse,
            has_animation=True,
            missing=has_none,
        ),
        Scene(
            "learned_score",
            "The learned score",
            "Where does the network go wrong?",
            "Arrows of the exact score, of the learned score, and of their difference. The"
            " difference is small where there was training data; far from it the network is"
            " not constrained by any example.",
            "arrows of the exact score, the learned score and their difference",
            draw_learned_score,
            missing=has_none,
        ),
    ),
)
