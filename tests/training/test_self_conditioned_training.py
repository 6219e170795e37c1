"""Which examples are trained on the network's own estimate, and that it resumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tests.training.test_resume import KillAt, Killed, Note, everything
from torch import Tensor

from snowmelt.common.randomness import Stream, uniform
from snowmelt.diffusion import self_conditioning
from snowmelt.training.batch_order import Batch
from snowmelt.training.module import DiffusionModule
from snowmelt.training.resume import Resume

Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Which examples were chosen, step by step."""
    seen: list[Tensor] = []
    begin = self_conditioning.Fresh.__init__

    def spy(self: self_conditioning.Fresh, rows: Tensor) -> None:
        seen.append(rows)
        begin(self, rows)

    monkeypatch.setattr(self_conditioning.Fresh, "__init__", spy)
    return seen


def test_a_place_of_a_step_is_chosen_by_its_own_number(
    make_module: Make,
    examples: np.ndarray,
    chosen: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DiffusionModule, "global_step", 5)
    module = make_module(seed=7, self_conditioned=True)
    rows, slots = torch.from_numpy(examples[:8].copy()), torch.arange(8)
    module.training_step(Batch(rows, slots), 0)
    for part in (slice(4), slice(4, 8)):
        module.training_step(Batch(rows[part], slots[part]), 0)
    place = {"seed": 7, "stream": Stream.SELF_CONDITIONING, "index": slots, "step": 5}
    assert torch.equal(chosen[0], uniform((1,), **place)[:, 0] < 0.5)
    assert torch.equal(torch.cat(chosen[1:]), chosen[0])
    assert 0 < int(chosen[0].sum()) < 8


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 8)])
def test_the_share_that_is_asked_for(
    make_module: Make,
    examples: np.ndarray,
    chosen: list[Tensor],
    share: float,
    count: int,
) -> None:
    module = make_module(self_conditioned=True, p_self_conditioned=share)
    rows = torch.from_numpy(examples[:8].copy())
    module.training_step(Batch(rows, torch.arange(8)), 0)
    assert int(chosen[0].sum()) == count


def test_two_processes_share_one_batch(make_module: Make, examples: np.ndarray) -> None:
    module = make_module(self_conditioned=True)
    rows, slots = torch.from_numpy(examples[:8].copy()), torch.arange(8)
    parts = [
        module.training_step(Batch(rows[part], slots[part]), 0)
        for part in (slice(4), slice(4, 8))
    ]
    whole = module.training_step(Batch(rows, slots), 0)
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_others_choose_nobody(
    make_module: Make, examples: np.ndarray, chosen: list[Tensor]
) -> None:
    rows = torch.from_numpy(examples[:8].copy())
    make_module().training_step(Batch(rows, torch.arange(8)), 0)
    assert not chosen


def test_the_average_is_self_conditioned_and_its_loss_sees_zeros(
    make_module: Make, examples: np.ndarray
) -> None:
    module = make_module(self_conditioned=True)
    assert module.averaged().self_conditioned
    held_out = torch.from_numpy(examples.copy())
    before = module.held_out_loss(held_out)
    with torch.no_grad():  # the columns that see the estimate
        module.ema.net.first.weight[:, 2:] = 100.0  # type: ignore[operator, union-attr]
    assert module.held_out_loss(held_out) == before


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_killed_run_ends_in_the_same_weights(
    tmp_path: Path, make_module: Make, fit: Fit, dropout: float
) -> None:
    def make() -> DiffusionModule:
        return make_module(self_conditioned=True, dropout=dropout)

    straight = make()
    fit(straight, Note())
    with pytest.raises(Killed):
        fit(make(), Note(), Resume(tmp_path / "state", every=3), KillAt(7))
    saved = Resume(tmp_path / "state", every=3)
    torch.randn(7)
    resumed = make()
    fit(resumed, Note(), saved, saved=saved.path)
    assert resumed.history == straight.history
    for name, value in everything(straight).items():
        assert torch.equal(everything(resumed)[name], value), name
