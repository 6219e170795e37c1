"""Features of an untrained convolutional network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Seed
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.evaluation.features.extractor import Extractor

CHANNELS = 12
LEAST_SCALES = 3
COARSEST = 8


class RandomConv(Extractor):
    """Random filters at several resolutions, averaged over the picture.

    At each scale a 3x3 convolution with He's normal weights and a ReLU give 12 maps; their
    means and standard deviations over the picture are features, and so are the means of
    the last maps over its quarters, which see where things are. Between scales the maps
    are averaged 2x2. Random filters respond to edges, texture and brightness, so these
    features notice noise and blur; they know nothing of the content.

    Args:
        seed: of the filters; not the experiment's seed.

    References:
        He et al. (2015), arXiv:1502.01852, equation 10.
    """

    name = "random_conv"

    def __init__(self, manifest: Manifest, *, seed: Seed) -> None:
        super().__init__(manifest)
        argument_checks.integer("features.seed", seed, least=0)
        generator = torch.Generator().manual_seed(seed)
        inputs = [manifest.shape[0]] + [CHANNELS] * (scales(min(manifest.shape[1:])) - 1)
        self.filters = nn.ModuleList(_filters(channels, generator) for channels in inputs)
        self.requires_grad_(False)

    @property
    def dimension(self) -> int:
        """Two numbers a map and scale, and four a map of the last scale."""
        return CHANNELS * (2 * len(self.filters) + 4)

    def forward(self, stored: Tensor) -> Tensor:
        x = to_model(stored, self.manifest)
        found = []
        for place, layer in enumerate(self.filters):
            if place and min(x.shape[2:]) > 1:
                x = F.avg_pool2d(x, 2)
            x = F.relu(layer(x))
            found += [x.mean(dim=(2, 3)), x.flatten(2).std(dim=2, correction=0)]
        return torch.cat([*found, F.adaptive_avg_pool2d(x, 2).flatten(1)], dim=1)


def _filters(channels: int, generator: torch.Generator) -> nn.Conv2d:
    """Twelve random 3x3 filters; the picture goes on at its edge, which is no feature."""
    layer = nn.Conv2d(
        channels, CHANNELS, 3, padding=1, padding_mode="replicate", bias=False
    )
    nn.init.kaiming_normal_(layer.weight, generator=generator)
    return layer


def scales(side: int) -> int:
    """How many resolutions: at least three, and down to 8 pixels."""
    count = LEAST_SCALES
    while side >> (count - 1) > COARSEST:
        count += 1
    return count
