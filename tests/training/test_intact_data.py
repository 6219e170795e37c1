"""Damaged data ends a training, and no state of that training is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowmelt.common import verification
from snowmelt.common.errors import UserError
from snowmelt.common.files import sha256
from snowmelt.common.verification import Verification
from snowmelt.training.intact_data import IntactData
from snowmelt.training.resume import Resume


@pytest.fixture
def of_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that starts to verify a file in the background, damaged or not."""
    monkeypatch.setattr(verification, "AT_ONCE", 10)

    def start(*, is_damaged: bool) -> IntactData:
        path = tmp_path / "points.npy"
        np.save(path, np.arange(100))
        digest = "d" * 64 if is_damaged else sha256(path)
        found = Verification(tmp_path, {"points.npy": digest}, made_by="prepare")
        return IntactData(found)

    return start


def test_a_training_on_damaged_data_ends_before_its_first_state(
    fit: Any, make_module: Any, of_data: Any, tmp_path: Path
) -> None:
    resume = Resume(tmp_path / "state", 1)
    with pytest.raises(UserError, match=r"points\.npy is not as `snowmelt prepare` wrote"):
        fit(make_module(), of_data(is_damaged=True), resume)
    assert not resume.path.exists()


def test_whole_data_changes_nothing(
    fit: Any, make_module: Any, of_data: Any, tmp_path: Path
) -> None:
    resume = Resume(tmp_path / "state", 4)
    trainer = fit(make_module(), of_data(is_damaged=False), resume)
    assert trainer.global_step == 12
    assert resume.path.exists()
