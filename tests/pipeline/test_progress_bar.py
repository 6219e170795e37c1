"""What the line says while a training runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import pytorch_lightning as pl

from snowmelt.pipeline import progress_bar
from snowmelt.pipeline.progress_bar import ProgressBar
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from tests.training.conftest import examples, fit, labels, make_module, manifest

__all__ = ["examples", "fit", "labels", "make_module", "manifest"]  # fixtures
Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]


def test_the_bar_says_steps_examples_their_rate_and_the_loss(
    make_module: Make, fit: Fit, examples: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    module = make_module(steps=4)
    fit(module, History(2, examples, 4), ProgressBar())
    line = capsys.readouterr().err.rpartition("\r")[2]
    assert "4/4 [" in line
    assert re.search(r"step/s, loss=\d\.\d{4}, \S+ points/s, 32 points\]", line), line
    assert f"loss={module.history[-1]['loss']:.4f}," in line


@pytest.mark.parametrize(
    ("number", "said"),
    [(640, "640"), (12_800, "12.8k"), (3_000_000, "3.00M"), (54.37, "54.4")],
)
def test_large_numbers_are_short(number: float, said: str) -> None:
    assert progress_bar._short(number) == said
