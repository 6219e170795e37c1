"""The forward process of one real example, as a strip."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.diffusion.processes import Process, expand

POINTS = 400
MOMENTS = 9
SIDE, LEVELS = 8, 16


@dataclass(frozen=True)
class Example:
    """Data to show a process on, in the model's range.

    Attributes:
        name: of the data set.
        x_0: (1, C, H, W) one image in [-1, 1], or (N, D) points.
    """

    name: str
    x_0: Tensor

    @property
    def is_points(self) -> bool:
        return self.x_0.ndim == 2


def example(prepared: Path, source: Any) -> Example:
    """The first example of the prepared data, or a digit where that is not prepared.

    Args:
        prepared: the folder of the prepared data.
        source: the configuration of the data, which they must have been made from.
    """
    try:
        data = PreparedData.open(prepared)
        data.check_made_from(source)
    except UserError:
        return Example("digits", embedded_digit())
    count = POINTS if data.manifest.kind == "points" else 1
    stored = torch.from_numpy(np.array(data.train[:count]))
    return Example(data.manifest.name, to_model(stored, data.manifest))


def embedded_digit() -> Tensor:
    """The first of scikit-learn's digits, read from its file: importing it takes a second.

    Shapes:
        -> (1, 1, 8, 8) in [-1, 1]
    """
    found = importlib.util.find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as stream:
        levels = [float(text) for text in stream.readline().split(",")[: SIDE**2]]
    return torch.tensor(levels).reshape(1, 1, SIDE, SIDE) * (2.0 / LEVELS) - 1.0


def moments() -> Tensor:
    """The times of a strip. Shapes: -> (K,) float64"""
    return torch.linspace(0, 1, MOMENTS, dtype=torch.float64)


@torch.no_grad()
def forward_strip(process: Process, x_0: Tensor) -> NDArray[np.float32]:
    """The example at each moment, with the same noise for every process and all along.

    States are divided by the length of their two scales, so that those of a process whose
    variance grows can be seen too.

    Shapes:
        x_0: (B, *D) -> (K, B, *D)
    """
    index = torch.arange(len(x_0))
    eps = normal(tuple(x_0.shape[1:]), seed=0, stream=Stream.HELD_OUT_NOISE, index=index)
    frames = []
    for t in moments():
        scale = torch.rsqrt(process.alpha(t) ** 2 + process.sigma(t) ** 2)
        frames.append(expand(scale, x_0) * process.perturb(x_0, t, eps))
    return torch.stack(frames).numpy()
