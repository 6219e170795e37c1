"""The README is short, and its first block of Python does what it says.

The second is run by `test_light_install.py`.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from snowmelt.densities import DoubleGaussian
from tests.project import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TRUTH = DoubleGaussian()


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def samples() -> Tensor:
    """What the first block of the README draws."""
    block = blocks()[0]
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    return names["samples"]


def test_it_is_at_most_200_lines_long() -> None:
    assert len(README.splitlines()) <= 200


def test_it_trains_in_ten_lines() -> None:
    block = blocks()[0]
    wanted = [line for line in block.splitlines() if line and "import" not in line]
    assert len(wanted) - 1 <= 10, "without the imports and the seed"
    assert "snowmelt." not in block, "the public names suffice"


def test_its_samples_are_points_of_the_plane(samples: Tensor) -> None:
    assert samples.shape == (2000, 2)
    assert samples.dtype == torch.float32
    assert bool(samples.isfinite().all())


def test_each_heap_has_its_share_of_the_samples(samples: Tensor) -> None:
    share = float((samples[:, 0] < 0).float().mean())
    assert share == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["left", "right"])
def test_each_heap_lies_where_it_should(samples: Tensor, side: float) -> None:
    heap = samples[samples[:, 0] * side > 0]
    mean, std = heap.mean(0), heap.std(0)
    torch.testing.assert_close(mean, torch.tensor([0.8 * side, 0.0]), rtol=0, atol=0.06)
    torch.testing.assert_close(std, torch.tensor([0.2, 0.2]), rtol=0, atol=0.04)


def test_the_truth_finds_the_samples_likely(samples: Tensor) -> None:
    """The mean log-density of true points is minus the entropy; of bad ones far less."""
    true = TRUTH.log_prob(TRUTH.sample(20_000, seed=5)).mean()
    assert float(TRUTH.log_prob(samples).mean() - true) == pytest.approx(0.0, abs=0.25)
