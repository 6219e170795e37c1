"""A way of drawing samples, and the pictures of what it draws."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from snowmelt.common.errors import PictureWarning, UserError
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_stored
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.plane import visible_scale
from snowmelt.sampling.guidance.guidance import Given, Guidance
from snowmelt.sampling.samplers.sampler import Sampler, Watcher
from snowmelt.viz.plots.completion import save_completion
from snowmelt.viz.plots.example_grid import save_examples
from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.run_figures.model_density import point_densities
from snowmelt.viz.run_figures.path_figure import paths
from snowmelt.viz.run_figures.point_setting import Setting
from snowmelt.viz.run_figures.score_field_figure import score_fields
from snowmelt.viz.run_figures.trajectory_animation import forward_film, reverse_film
from snowmelt.viz.style import save_png

PICTURED = 64
PICTURED_POINTS = 4000
FOLLOWED = 8
MOMENTS = 12
FILM_FRAMES = 48
COMPLETED = 16


@dataclass(frozen=True)
class Drawing:
    """All that samples come from: each is a function of its index.

    Attributes:
        given: what the guidance may draw on, for the data of `manifest`.
        seed: of all noise.
        real: points of the data to compare with, (N, D) in the model's units, where some
            are at hand.
        root: what paths of the data's configuration are relative to.
    """

    denoiser: Denoiser
    sampler: Sampler
    guidance: Guidance
    given: Given
    manifest: Manifest
    seed: int
    real: Tensor | None = None
    root: Path = Path()

    @property
    def device(self) -> torch.device:
        """Where the network stands."""
        return next(self.denoiser.parameters()).device

    def draw(self, index: Tensor, watch: Watcher | None = None) -> NDArray:
        """Samples as they are stored. Shapes: index: (B,) -> (B, *D)"""
        x = self.guidance.draw(
            self.denoiser, self.sampler, index, self.given, seed=self.seed, watch=watch
        )
        return self.stored(x)

    def stored(self, x: Tensor) -> NDArray:
        """Values of the model as they are stored. Shapes: (*, *D) -> (*, *D)"""
        return to_stored(x, self.manifest).cpu().numpy()


@torch.no_grad()
def save_pictures(drawing: Drawing, draft: Path) -> None:
    """The first samples, and how they and others came about.

    The samples are there already and may have taken hours. So a picture that fails takes
    nothing with it: what was raised is shown as a `PictureWarning`, with its traceback, and
    the others are drawn.

    Args:
        draft: holds `samples.npy`, and gets the pictures.
    """
    stored = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    is_image = drawing.manifest.kind == "images"
    asked = _of_images if is_image else _of_points
    pictures = {"samples": lambda: _save_samples(drawing, stored, draft)}
    if drawing.guidance.needs_examples:
        pictures["completion"] = lambda: _save_completion(drawing, stored, draft)
    _attempt("pictures", lambda: pictures.update(asked(drawing, stored, draft)))
    with tqdm(pictures.items(), desc="draw", unit="picture", leave=False) as bar:
        for name, picture in bar:
            bar.set_postfix_str(name)
            _attempt(name, picture)


def _attempt(name: str, picture: Callable[[], None]) -> None:
    try:
        picture()
    except Exception:  # a defect of ours, which must be seen but not cost the samples
        said = f"{name} could not be drawn and is left out:\n{traceback.format_exc()}"
        warnings.warn(said, PictureWarning, stacklevel=2)


def _of_images(
    drawing: Drawing, stored: NDArray, draft: Path
) -> dict[str, Callable[[], None]]:
    value_range = drawing.manifest.value_range
    assert value_range is not None  # images have one

    def trajectory() -> None:
        frames, times = _on_their_way(drawing, min(FOLLOWED, len(stored)), MOMENTS)
        strip = denoising_strip(frames, times, value_range)
        save_png(strip, draft / "trajectory.png")

    return {"trajectory": trajectory}


def _of_points(
    drawing: Drawing, stored: NDArray, draft: Path
) -> dict[str, Callable[[], None]]:
    """The pictures there are for points like these, by what they are called."""
    density = _density(drawing)
    setting = Setting.of(
        drawing.denoiser, drawing.manifest, density, drawing.real, drawing.seed
    )

    def reverse() -> None:
        count = min(PICTURED_POINTS, len(stored))
        frames, times = _on_their_way(drawing, count, FILM_FRAMES)
        reverse_film(setting, frames, times, draft)

    pictures: dict[str, Callable[[], None]] = {"trajectory": reverse}
    if setting.real is not None:
        pictures["forward"] = lambda: forward_film(setting, draft)
    else:
        print("forward film: left out, since no real points are at hand")
    pictures["paths"] = lambda: paths(setting, draft)
    if setting.size == 2:
        pictures["fields"] = lambda: score_fields(setting, draft)
        pictures["densities"] = lambda: point_densities(setting, stored, draft)
    return pictures


def _density(drawing: Drawing) -> Perturbable | None:
    """The density of the data; None where nobody knows it or a file of it is missing."""
    try:
        return known_density(drawing.manifest, drawing.root)
    except UserError as error:
        print(f"pictures: without the density of the data ({error})")
        return None


def _on_their_way(
    drawing: Drawing, count: int, moments: int
) -> tuple[NDArray, list[float]]:
    """The first samples at some moments, as they are stored, and the times of those."""
    steps = drawing.sampler.steps
    chosen = set(np.linspace(0, steps, moments).round().astype(int).tolist())
    index = torch.arange(count, device=drawing.device)
    frames, times = [], []

    def keep(step: int, t: Tensor, x: Tensor) -> None:
        if step in chosen:
            frames.append(drawing.stored(x * visible_scale(drawing.denoiser.process, t)))
            times.append(float(t))

    drawing.draw(index, watch=keep)
    return np.stack(frames), times


def _save_samples(drawing: Drawing, stored: NDArray, draft: Path) -> None:
    shown = PICTURED if drawing.manifest.kind == "images" else PICTURED_POINTS
    save_examples(draft / "samples.png", np.array(stored[:shown]), drawing.manifest)


def _save_completion(drawing: Drawing, stored: NDArray, draft: Path) -> None:
    """Real examples, what was known of them, and the samples."""
    shown = COMPLETED if drawing.manifest.kind == "images" else PICTURED_POINTS
    index = torch.arange(min(shown, len(stored)), device=drawing.device)
    seen = drawing.guidance.seen(index, drawing.given, seed=drawing.seed)
    save_completion(
        draft / "completion.png",
        truth=drawing.stored(drawing.given.real(index)),
        seen=None if seen is None else drawing.stored(seen),
        completed=np.array(stored[: len(index)]),
        manifest=drawing.manifest,
    )
