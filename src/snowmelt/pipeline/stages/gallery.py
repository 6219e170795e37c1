"""gallery: draws every animation and picture of a known density, and one page of them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from omegaconf import DictConfig

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build, plain
from snowmelt.common.places import located
from snowmelt.data.sources.source import Source
from snowmelt.densities import GaussianMixture, GridDensity, Perturbable
from snowmelt.pipeline.config.chosen_density import (
    density_name,
    results_folder,
)
from snowmelt.training.checkpoint import Checkpoint, load
from snowmelt.viz.density_gallery import gallery
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.settings import GallerySettings

_DRAWN = 20_000  # where mean and variance have no formula
# Rounding the edges of the llama or the board costs 0.06 nats.
_ASKED, _FAR = 1000, 0.08


def run(config: DictConfig, root: Path, out: Path | None = None) -> Path:
    """Draw the gallery of a density, and return its page.

    Args:
        config: reads `density`, `gallery` and `seed`.
        out: the folder; None: outputs/gallery/<name of the density>.

    Raises:
        UserError: the density is not one of the plane, a setting is refused, the
            checkpoint is not of a model of its points, or the folder holds something else.
    """
    settings = GallerySettings.of(plain(config.gallery))
    density = build(config.density, Perturbable, root=root)
    name = density_name(config, root)
    require_plane(density)
    denoiser = None
    if settings.checkpoint is None:
        density = standardised(density)
    else:
        checkpoint = load(located(root, settings.checkpoint))
        density = in_units_of(checkpoint, density, name, root)
        denoiser = checkpoint.denoiser()
    material = Material(
        name=name,
        density=density,
        size=settings,
        learned=denoiser,
        seed=config.seed,
    )
    return gallery.make(material, results_folder(config, root, "gallery", out))


def require_plane(density: Perturbable) -> None:
    """Refuse a density that cannot be drawn.

    Raises:
        UserError: the density is not one of the plane.
    """
    dimensions = density.sample(1, seed=0).shape[1]
    if dimensions != 2:
        raise UserError(
            f"density: the gallery shows the plane, and this density has {dimensions}"
            f" dimension{'s' if dimensions > 1 else ''}: choose one of 2"
        )


def standardised(density: Perturbable) -> Perturbable:
    """The density of mean 0 and variance 1, averaged over the axes."""
    if isinstance(density, GaussianMixture | GridDensity):
        mean, variance = density.mean(), density.covariance().diagonal().mean()
    else:
        points = density.sample(_DRAWN, seed=0, dtype=torch.float64)
        mean, variance = points.mean(0), points.var(0).mean()
    return density.standardised(mean, float(variance.sqrt()))


def in_units_of(
    checkpoint: Checkpoint, density: Perturbable, name: str, root: Path
) -> Perturbable:
    """The density as the model sees it, if the model's data are points of it.

    A density with rounded edges may stand for one with sharp edges.

    Raises:
        UserError: the data have another density, or nobody knows it.
    """
    manifest = checkpoint.manifest
    has_source = "_target_" in manifest.config
    source = build(manifest.config, Source, root=root) if has_source else None
    known = source.density() if source is not None else None
    if known is None or _distance(known, density) > _FAR:
        raise UserError(
            f"gallery.checkpoint: its data, {manifest.name}, are not points of"
            f" density={name}: choose the density that it was trained on"
        )
    assert manifest.mean is not None
    assert manifest.std is not None
    return density.standardised(manifest.mean, manifest.std)


def _distance(one: Perturbable, other: Perturbable) -> float:
    """The divergence of the other from the one, in nats, estimated from draws."""
    points = one.sample(_ASKED, seed=0, dtype=torch.float64)
    if points.shape[1] != other.sample(1, seed=0).shape[1]:
        return math.inf
    return float((one.log_prob(points) - other.log_prob(points)).mean().abs())
