"""Laws of the one place that scales."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model, to_stored, to_unit

ManifestOf = Callable[..., Manifest]
RANGES = [(0, high) for high in range(1, 256)] + [(low, 255) for low in range(1, 255)]


def levels(value_range: tuple[int, int]) -> torch.Tensor:
    return torch.arange(value_range[0], value_range[1] + 1, dtype=torch.uint8)


def test_every_level_of_every_range_comes_back(manifest_of: ManifestOf) -> None:
    for value_range in RANGES:
        manifest = manifest_of(value_range=value_range)
        x = levels(value_range)
        assert torch.equal(to_stored(to_model(x, manifest), manifest), x), value_range


def test_rounding_goes_to_the_nearest_level(manifest_of: ManifestOf) -> None:
    for value_range in RANGES[::7]:
        manifest = manifest_of(value_range=value_range)
        x = levels(value_range)
        step = 2.0 / (value_range[1] - value_range[0])
        for share in (-0.49, 0.49):
            near = to_model(x, manifest) + share * step
            assert torch.equal(to_stored(near, manifest), x), (value_range, share)


def test_the_ends_and_the_middle_are_exact(manifest_of: ManifestOf) -> None:
    manifest = manifest_of(value_range=(0, 16))
    x = torch.tensor([0, 4, 8, 16], dtype=torch.uint8)
    assert to_model(x, manifest).tolist() == [-1.0, -0.5, 0.0, 1.0]
    assert to_unit(x, manifest).tolist() == [0.0, 0.25, 0.5, 1.0]
    assert to_model(x, manifest).dtype == torch.float32


def test_the_range_is_the_sources_not_0_to_255(manifest_of: ManifestOf) -> None:
    x = torch.tensor([10, 20], dtype=torch.uint8)
    assert to_model(x, manifest_of(value_range=(10, 20))).tolist() == [-1.0, 1.0]


def test_values_beyond_the_range_are_clamped(manifest_of: ManifestOf) -> None:
    x = torch.tensor([-1e30, -1.7, 1.3, 1e30])
    stored = to_stored(x, manifest_of(value_range=(3, 16)))
    assert stored.tolist() == [3, 3, 16, 16]
    assert stored.dtype == torch.uint8


@pytest.mark.parametrize("broken", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_has_no_level(manifest_of: ManifestOf, broken: float) -> None:
    x = torch.tensor([[0.0, broken, broken]])
    with pytest.raises(UserError, match="2 of 3 values to store are NaN or infinite"):
        to_stored(x, manifest_of())


def points_manifest(manifest_of: ManifestOf) -> Manifest:
    return manifest_of(
        kind="points",
        shape=(2,),
        dtype="float32",
        value_range=None,
        mean=(10.0, -2.0),
        std=4.0,
    )


def test_points_are_centred_and_scaled_by_one_number(manifest_of: ManifestOf) -> None:
    manifest = points_manifest(manifest_of)
    x = torch.tensor([[10.0, -2.0], [14.0, -4.0]])
    assert to_model(x, manifest).tolist() == [[0.0, 0.0], [1.0, -0.5]]


def test_points_come_back(manifest_of: ManifestOf) -> None:
    manifest = points_manifest(manifest_of)
    x = 100 * torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    back = to_stored(to_model(x, manifest), manifest)
    assert back.dtype == torch.float32
    torch.testing.assert_close(back, x, rtol=1e-5, atol=1e-5)


def test_points_are_not_clamped(manifest_of: ManifestOf) -> None:
    x = torch.tensor([[100.0, -100.0]])
    stored = to_stored(x, points_manifest(manifest_of))
    assert stored.tolist() == [[410.0, -402.0]]


def test_points_have_no_unit_range(manifest_of: ManifestOf) -> None:
    with pytest.raises(ValueError, match="no range"):
        to_unit(torch.zeros(1, 2), points_manifest(manifest_of))
