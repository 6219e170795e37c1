"""Thresholds, which keep the estimate of the data in the range of the data.

A network's estimate leaves the range of images most where noise is strong, or where
guidance pushes it; the trajectory then drifts to colours that saturate. A sampler passes
every estimate through its threshold and re-derives the noise that goes with what is left.

References:
    Saharia et al. (2022), arXiv:2205.11487, section 2.3 (static and dynamic).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.bounds import Share


class Threshold(ABC):
    """A map of estimates of the data, for images in [-1, 1]; points have no such range."""

    @abstractmethod
    def __call__(self, x_0: Tensor) -> Tensor:
        """Shapes: x_0: (B, *D) -> (B, *D)"""


class Clip(Threshold):
    """Static thresholding: the estimate is clamped to [-1, 1]."""

    def __call__(self, x_0: Tensor) -> Tensor:
        return x_0.clamp(-1.0, 1.0)


class Dynamic(Threshold):
    r"""Dynamic thresholding: clamp at a quantile of the magnitudes, and rescale to [-1, 1].

    With $s = \max(1, q_p(|x_0|))$ over the elements of one example, $x_0 \mapsto
    \mathrm{clamp}(x_0, -s, s) / s$. An example that lies within [-1, 1] but for a share of
    less than $1 - p$ is only clipped.

    Args:
        quantile: $p$; at 1 nothing is cut and all is scaled.

    Raises:
        ValueError: `quantile` outside (0, 1].

    References:
        Saharia et al. (2022), arXiv:2205.11487, section 2.3.
    """

    def __init__(self, quantile: Share = 0.995) -> None:
        if not 0.0 < quantile <= 1.0:
            raise ValueError(f"quantile must lie in (0, 1], got {quantile}")
        self.quantile = quantile

    def __call__(self, x_0: Tensor) -> Tensor:
        # Sorted by hand, because torch.quantile refuses batches of more than 2^24 numbers.
        ordered = x_0.flatten(1).abs().sort(dim=1).values
        place = self.quantile * (ordered.shape[1] - 1)
        below = ordered[:, int(place)]
        above = ordered[:, min(int(place) + 1, ordered.shape[1] - 1)]
        scale = torch.lerp(below, above, place - int(place)).clamp(min=1.0)
        scale = scale.reshape(-1, *[1] * (x_0.ndim - 1))
        return torch.maximum(torch.minimum(x_0, scale), -scale) / scale
