r"""The only place where stored values become the network's values, and back.

Images are stored as the integer levels that they were measured in, $k \in [a, b]$, and
the network sees

$$x = 2\,\frac{k - a}{b - a} - 1 \in [-1, 1].$$

The way back rounds to the nearest level. Truncating instead would lose 63 of 256 levels
in the round trip, because many of the products end just below a whole number.

Points are centred by coordinate and divided by one common scale, so that angles and the
shape of the cloud stay what they were.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest


def to_model(stored: Tensor, manifest: Manifest) -> Tensor:
    """What the network sees: images in [-1, 1] or centred, scaled points; float32.

    Shapes:
        stored: (*, C, H, W) or (*, D) -> the same
    """
    if manifest.value_range is not None:
        return 2.0 * to_unit(stored, manifest) - 1.0
    mean, std = _moments(manifest, stored)
    return (stored.to(torch.float32) - mean) / std


def to_stored(x: Tensor, manifest: Manifest) -> Tensor:
    """The inverse of `to_model`: uint8 levels clamped to the range, or float32 points.

    Shapes:
        x: (*, C, H, W) or (*, D) -> the same

    Raises:
        UserError: a value is not finite: it has no level, and no place among points.
    """
    broken = int((~x.isfinite()).sum())
    if broken:
        raise UserError(
            f"{broken} of {x.numel()} values to store are NaN or infinite: the training or"
            " the sampler diverged; lower training.learning_rate or take more sampler steps"
        )
    if manifest.value_range is None:
        mean, std = _moments(manifest, x)
        return x.to(torch.float32) * std + mean
    low, high = manifest.value_range
    level = torch.round((x.to(torch.float32) + 1.0) * (0.5 * (high - low))) + low
    return level.clamp(low, high).to(torch.uint8)


def to_unit(stored: Tensor, manifest: Manifest) -> Tensor:
    """Stored images in [0, 1], float32, for pictures and feature extractors.

    Shapes:
        stored: (*, C, H, W) -> the same

    Raises:
        ValueError: the data is points, which have no range.
    """
    if manifest.value_range is None:
        raise ValueError("points have no range to bring to [0, 1]")
    low, high = manifest.value_range
    return (stored.to(torch.float32) - low) / (high - low)


def _moments(manifest: Manifest, like: Tensor) -> tuple[Tensor, float]:
    """The mean (D,) on the device of `like`, and the scale."""
    if manifest.mean is None or manifest.std is None:
        raise ValueError(f"the manifest of {manifest.name} has no range and no mean")
    mean = torch.tensor(manifest.mean, dtype=torch.float32, device=like.device)
    return mean, manifest.std
