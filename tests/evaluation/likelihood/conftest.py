"""Every process with every schedule, and Gaussian data on which a few points are all."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.evaluation.likelihood.held_out import make
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import NoiseSchedule

__all__ = ["make"]

CONF = Path(__file__).parents[3] / "conf"
PAIRS = list(
    itertools.product(
        sorted((CONF / "process").glob("*.yaml")),
        sorted((CONF / "schedule").glob("*.yaml")),
    )
)


def built(files: tuple[Path, Path]) -> Process | None:
    """The process with the schedule; None for a pair that is refused."""
    kind, schedule = map(OmegaConf.load, files)
    try:
        return build(kind, Process, schedule=build(schedule, NoiseSchedule))
    except UserError:
        return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`process` is every process with every schedule of conf/, `preserving` those of VP."""
    found = [(files, built(files)) for files in PAIRS]
    chosen = [(files, one) for files, one in found if one is not None]
    kept = [pair for pair in chosen if isinstance(pair[1], VariancePreserving)]
    for name, pairs in {"process": chosen, "preserving": kept}.items():
        if name in metafunc.fixturenames:
            names = ["-".join(file.stem for file in files) for files, _ in pairs]
            metafunc.parametrize(name, [one for _, one in pairs], ids=names)


@pytest.fixture
def corners() -> tuple[Tensor, Tensor]:
    """Data and noise over which a quadratic has its mean over independent standard normals.

    In one dimension +-1 has the mean, variance and third moment of a standard normal.
    """
    points = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=2)))
    return points[:, :1].double(), points[:, 1:].double()
