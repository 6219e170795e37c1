"""Every process of conf/ with every schedule of conf/, found there by name."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process, VarianceExploding
from snowmelt.diffusion.schedules import NoiseSchedule

CONF = Path(__file__).parents[1] / "conf"
PREDICTIONS = sorted((CONF / "prediction").glob("*.yaml"))
SCHEDULES = sorted((CONF / "schedule").glob("*.yaml"))
Pair = tuple[Path, Path]
PAIRS: list[Pair] = list(
    itertools.product(sorted((CONF / "process").glob("*.yaml")), SCHEDULES)
)
every_process = pytest.mark.parametrize(
    "files", PAIRS, ids=lambda files: "-".join(file.stem for file in files)
)
every_schedule = pytest.mark.parametrize("file", SCHEDULES, ids=lambda file: file.stem)
every_prediction = pytest.mark.parametrize(
    "prediction", PREDICTIONS, ids=lambda file: file.stem
)


@functools.cache
def schedule_of(file: Path) -> NoiseSchedule:
    """The schedule of a file; a trained one as it starts, without its gradients."""
    schedule = build(OmegaConf.load(file), NoiseSchedule)
    if isinstance(schedule, torch.nn.Module):
        schedule.requires_grad_(False)
    return schedule


@functools.cache
def prediction_of(file: Path) -> Prediction:
    return build(OmegaConf.load(file), Prediction)


def is_refused(files: Pair) -> bool:
    """Whether the noise of this combination would have to be infinite."""
    target = OmegaConf.load(files[0])["_target_"].rpartition(".")[2]
    is_exploding = target == VarianceExploding.__name__
    return is_exploding and schedule_of(files[1]).has_zero_terminal_snr


@functools.cache
def process_of(files: Pair) -> Process:
    """The process; a test of one that is refused is skipped."""
    if is_refused(files):
        pytest.skip("a variance-exploding process cannot reach zero terminal SNR")
    return build(OmegaConf.load(files[0]), Process, schedule=schedule_of(files[1]))


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(actual: Tensor, expected: Tensor, rtol: float = 1e-9, atol: float = 0.0) -> None:
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)
