"""A way of drawing samples, and the pictures of what it draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.data.manifest import Manifest
from snowmelt.data.scaling import to_stored
from snowmelt.denoiser import Denoiser
from snowmelt.figures.completion import save_completion
from snowmelt.figures.examples import save_examples, save_trajectory
from snowmelt.guidance.guidance import Given, Guidance
from snowmelt.processes import Process
from snowmelt.samplers.sampler import Sampler, Watcher

PICTURED = 64
PICTURED_POINTS = 4000
FOLLOWED = 8
MOMENTS = 12
FILM_FRAMES = 60
COMPLETED = 16


@dataclass(frozen=True)
class Drawing:
    """All that samples come from: each is a function of its index.

    Attributes:
        given: what the guidance may draw on, for the data of `manifest`.
        seed: of all noise.
    """

    denoiser: Denoiser
    sampler: Sampler
    guidance: Guidance
    given: Given
    manifest: Manifest
    seed: int

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
def visible_scale(process: Process, t: Tensor) -> float:
    """What a state is multiplied by to be seen beside data: below 1 where variance grew."""
    length = math.hypot(float(process.alpha(t)), float(process.sigma(t)))
    return 1.0 / length if length > 1.0 + 1e-6 else 1.0


@torch.no_grad()
def save_pictures(drawing: Drawing, draft: Path) -> None:
    """The first samples, and some of them on their way from noise to data."""
    manifest, device = drawing.manifest, drawing.device
    is_image = manifest.kind == "images"
    stored = np.load(draft / "samples.npy", mmap_mode="r", allow_pickle=False)
    shown = PICTURED if is_image else PICTURED_POINTS
    save_examples(draft / "samples.png", np.array(stored[:shown]), manifest)
    if drawing.guidance.needs_examples:
        _save_completion(drawing, stored, draft)
    followed = FOLLOWED if is_image else PICTURED_POINTS
    index = torch.arange(min(followed, len(stored)), device=device)
    count = MOMENTS if is_image else FILM_FRAMES
    moments = set(np.linspace(0, drawing.sampler.steps, count).round().astype(int).tolist())
    frames, times = [], []

    def keep(step: int, t: Tensor, x: Tensor) -> None:
        if step in moments:
            frames.append(drawing.stored(x * visible_scale(drawing.denoiser.process, t)))
            times.append(float(t))

    drawing.draw(index, watch=keep)
    save_trajectory(draft, np.stack(frames), times, manifest)


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
