"""Random features: fixed, of the announced number, and awake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features.random_conv import RandomConv, scales


@pytest.mark.parametrize(
    ("side", "count"),
    [(4, 3), (8, 3), (28, 3), (32, 3), (35, 3), (36, 4), (64, 4), (128, 5)],
)
def test_scales(side: int, count: int) -> None:
    assert scales(side) == count


@pytest.mark.parametrize(
    "shape", [(1, 8, 8), (3, 28, 28), (3, 64, 40), (2, 4, 9), (1, 1, 1)]
)
def test_any_shape(make_images: Callable, shape: tuple[int, int, int]) -> None:
    manifest = replace(make_images().manifest, shape=shape)
    extractor = RandomConv(manifest, seed=0)
    found = extractor(torch.randint(0, 17, (5, *shape), dtype=torch.uint8))
    assert found.shape == (5, extractor.dimension)
    assert found.isfinite().all()
    assert not any(p.requires_grad for p in extractor.parameters())


def test_weights_are_scaled_as_he_says(make_images: Callable) -> None:
    manifest = make_images().manifest
    stds = [
        [float(layer.weight.std()) for layer in RandomConv(manifest, seed=seed).filters]
        for seed in range(20)
    ]
    first, *rest = np.mean(stds, axis=0)
    assert first == pytest.approx(np.sqrt(2 / 9), rel=0.05)
    assert rest == pytest.approx([np.sqrt(2 / (9 * 12))] * 2, rel=0.05)


def test_it_sees_noise_and_place(make_images: Callable) -> None:
    data = make_images(count=60)
    extractor = RandomConv(data.manifest, seed=0)
    images = torch.tensor(data.train)
    plain = extractor(images)
    random = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 4, images.shape, generator=random, dtype=torch.uint8)
    noisy = extractor((images + noise).clamp(0, 16))
    scatter = plain.std(dim=0).norm()
    assert (noisy.mean(0) - plain.mean(0)).norm() > 0.3 * scatter
    # The same picture upside down has the same colours and edges, elsewhere.
    corner = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    corner[..., :3, :3] = 16
    turned = extractor(corner.flip(2)) - extractor(corner)
    assert turned.norm() > 0.3 * scatter


def test_a_bad_seed(make_images: Callable) -> None:
    with pytest.raises(UserError, match=r"features\.seed"):
        RandomConv(make_images().manifest, seed=-1)
