"""Thresholds on estimates of the data."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from snowmelt.common.instantiate import build
from snowmelt.sampling.samplers.thresholds import Clip, Dynamic, Threshold

FILES = sorted((Path(__file__).parents[3] / "conf" / "threshold").glob("*.yaml"))
KINDS = [file for file in FILES if "_target_" in OmegaConf.load(file)]
every_threshold = pytest.mark.parametrize("file", KINDS, ids=lambda file: file.stem)


def images(scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(5, 3, 7, 6, generator=generator)


def test_there_are_thresholds() -> None:
    assert {"clip", "dynamic"} <= {file.stem for file in KINDS}


@every_threshold
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_what_comes_out_is_an_image(file: Path, scale: float) -> None:
    threshold, x = build(OmegaConf.load(file), Threshold), images(scale)
    found = threshold(x)
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    assert float(found.abs().max()) <= 1
    assert torch.equal(found.sign(), x.sign())
    if float(x.abs().max()) <= 1:
        assert torch.equal(found, x)
    for k in range(len(x)):
        assert torch.equal(threshold(x[k : k + 1]), found[k : k + 1])


def test_clip() -> None:
    x = torch.tensor([[-3.0, -1.0, 0.2, 1.0, 1.1]])
    assert Clip()(x).tolist() == [[-1.0, -1.0, pytest.approx(0.2), 1.0, 1.0]]


def test_a_quantile_of_each_example_by_itself() -> None:
    # |x| sorted: 0 1 2 3 4 and 0 10 20 30 40; the quantile 0.9 lies 0.6 after the fourth.
    x = torch.tensor([[0.0, -4.0, 2.0, -1.0, 3.0], [10.0, -40.0, 0.0, 20.0, -30.0]])
    found = Dynamic(0.9)(x)
    expected = torch.stack((x[0].clamp(-3.6, 3.6) / 3.6, x[1].clamp(-36, 36) / 36))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.995, 1.0])
def test_the_quantile_is_that_of_torch(quantile: float) -> None:
    x = images(4.0).double()
    scale = torch.quantile(x.abs().flatten(1), quantile, dim=1).clamp(min=1)
    scale = scale[:, None, None, None]
    expected = torch.maximum(torch.minimum(x, scale), -scale) / scale
    torch.testing.assert_close(Dynamic(quantile)(x), expected)


def test_a_quantile_within_the_range_only_clips() -> None:
    x = torch.tensor([[0.5] * 99 + [7.0]])
    torch.testing.assert_close(Dynamic(0.9)(x), x.clamp(-1, 1))


def test_a_large_batch_is_not_too_large() -> None:
    x = torch.zeros(1).expand(2, 2**23 + 1)
    assert Dynamic()(x).shape == x.shape


@pytest.mark.parametrize("quantile", [0.0, -0.1, 1.1, float("nan")])
def test_a_quantile_that_is_none_is_refused(quantile: float) -> None:
    with pytest.raises(ValueError, match=r"quantile must lie in \(0, 1\], got"):
        Dynamic(quantile)
