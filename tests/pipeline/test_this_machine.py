"""What this machine does not have is refused before stage 1."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from lightning_fabric.connector import _PRECISION_INPUT_STR
from pytorch_lightning.accelerators import AcceleratorRegistry

from snowmelt.common.errors import UserError
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.config import composition
from snowmelt.training.settings import Accelerator, Precision
from tests.project import ROOT

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("trainer.accelerator=gpu", marks=WITHOUT_GPU),
        pytest.param("trainer.accelerator=cuda", marks=WITHOUT_GPU),
        pytest.param("sample.device=cuda", marks=WITHOUT_GPU),
        "sample.device=cuda:99",
        pytest.param("trainer.precision=transformer-engine", marks=WITHOUT_GPU),
    ],
)
def test_what_is_not_here_is_named(text: str) -> None:
    config = composition.compose(ROOT, [text], is_checked=False)
    with pytest.raises(UserError, match=text.partition("=")[0]) as caught:
        this_machine.check(config, ROOT)
    assert "\n" not in str(caught.value)


def test_what_is_here_passes() -> None:
    this_machine.check(composition.compose(ROOT, is_checked=False), ROOT)


def test_the_choices_are_among_lightnings() -> None:
    assert set(get_args(Precision)) <= set(get_args(_PRECISION_INPUT_STR))
    known = {*AcceleratorRegistry.available_accelerators(), "auto", "gpu"}
    assert set(get_args(Accelerator)) <= known
