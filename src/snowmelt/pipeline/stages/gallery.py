"""gallery: draws every animation and picture of a known density, and one page of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.instantiate import build, plain
from snowmelt.common.places import located
from snowmelt.data.sources.source import Source
from snowmelt.densities import GaussianMixture, GridDensity, Perturbable
from snowmelt.pipeline.config.chosen_density import density_name, results_folder
from snowmelt.pipeline.config.conf_files import body_of
from snowmelt.training.checkpoint import Checkpoint, load
from snowmelt.viz.density_gallery import gallery
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.settings import GallerySettings

_DRAWN = 20_000  # where mean and variance have no formula
Unit = tuple[Tensor | Sequence[float], float]  # the middle, and the length
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
    unit: Unit
    if settings.checkpoint is None:
        unit = unit_of(density)
    else:
        checkpoint = load(located(root, settings.checkpoint))
        unit = unit_of_model(checkpoint, density, name, root)
        denoiser = checkpoint.denoiser()
    start = start_density(settings.starts_from, root)
    material = Material(
        name=name,
        density=density.standardised(*unit),
        size=settings,
        start=None if start is None else start.standardised(*unit),
        start_name=(settings.starts_from or "normal noise").replace("_", " "),
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


def start_density(name: str | None, root: Path) -> GaussianMixture | None:
    """The density of conf/density/ where bridges begin.

    Raises:
        UserError: there is no such file, or it is no mixture of the plane.
    """
    if name is None:
        return None
    files = {file.stem: file for file in (root / "conf" / "density").glob("*.yaml")}
    if name not in files:
        raise UserError(
            f"gallery.starts_from={name}: there is no such file in conf/density/"
            f"{did_you_mean(name, files)}; there are {', '.join(sorted(files))}"
        )
    density = build(body_of(files[name]), Perturbable, root=root)
    if not isinstance(density, GaussianMixture) or density.size != 2:
        raise UserError(
            f"gallery.starts_from={name}: bridges are known between mixtures of normal"
            " distributions of the plane, and this is none: choose one like moons"
        )
    return density


def unit_of(density: Perturbable) -> Unit:
    """Where its middle is, and the root of its variance, averaged over the axes."""
    if isinstance(density, GaussianMixture | GridDensity):
        mean, variance = density.mean(), density.covariance().diagonal().mean()
    else:
        points = density.sample(_DRAWN, seed=0, dtype=torch.float64)
        mean, variance = points.mean(0), points.var(0).mean()
    return mean, float(variance.sqrt())


def unit_of_model(
    checkpoint: Checkpoint, density: Perturbable, name: str, root: Path
) -> Unit:
    """The middle and the length that a model sees, if its data are points of the density.

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
    return manifest.mean, manifest.std


def _distance(one: Perturbable, other: Perturbable) -> float:
    """The divergence of the other from the one, in nats, estimated from draws."""
    points = one.sample(_ASKED, seed=0, dtype=torch.float64)
    if points.shape[1] != other.sample(1, seed=0).shape[1]:
        return math.inf
    return float((one.log_prob(points) - other.log_prob(points)).mean().abs())
