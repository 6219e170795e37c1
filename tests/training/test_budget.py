"""Trainings of minutes: by a clock that the test holds, so no machine decides."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from snowmelt.common.errors import UserError
from snowmelt.training.budget import PARTS, Minutes, Steps, Stopwatch, budget_of
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from snowmelt.training.resume import Resume
from snowmelt.training.settings import TrainingSettings

Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]
MINUTE = {"minutes": 1, "steps": None, "warmup_share": 0.25}


class Ticking(pl.Callback):
    """A clock that it moves alone: 5 s in a step, and an hour for what is none."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.now, self.seconds = 0.0, seconds
        self.rates: list[float] = []
        self.places: list[float] = []

    def __call__(self) -> float:
        return self.now

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self.now += self.seconds
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        self.now += 3600.0
        self.places.append(module.budget.after)


def timed(make: Make, clock: Ticking, **changes: Any) -> DiffusionModule:
    module = make(**MINUTE | changes)
    module.watch = Stopwatch(clock)
    return module


def test_it_ends_when_its_steps_have_taken_the_time(make_module: Make, fit: Fit) -> None:
    clock = Ticking()
    module = timed(make_module, clock)
    assert fit(module, clock).global_step == 12
    assert module.budget.seconds == 60.0
    assert clock.places == pytest.approx([PARTS * (k + 1) / 12 for k in range(12)])


def test_a_last_step_may_be_longer_than_what_is_left(make_module: Make, fit: Fit) -> None:
    clock = Ticking(7.0)
    module = timed(make_module, clock)
    assert fit(module, clock).global_step == 9
    assert module.budget.seconds == 63.0
    assert module.budget.after == PARTS


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_the_learning_rate_runs_by_the_share_of_the_time(
    make_module: Make, fit: Fit, decay: str
) -> None:
    clock = Ticking()
    fit(timed(make_module, clock, decay=decay), clock)
    # The first step stands at no time yet: a place of a 600th on the way up.
    assert clock.rates[0] == pytest.approx(0.05 / 600)
    assert clock.rates[1:3] == pytest.approx([0.05 / 3, 0.05 * 2 / 3], rel=0.01)
    assert clock.rates[3] == pytest.approx(0.05)
    middle = {"cosine": 0.75, "linear": 2 / 3}[decay]
    assert clock.rates[6] == pytest.approx(0.05 * middle)


@pytest.mark.parametrize("pieces", [2, 10])
def test_the_average_forgets_by_time_and_not_by_steps(
    make_module: Make, pieces: int
) -> None:
    """Steps of a half or a tenth of the length leave the same of what was."""
    module = make_module(**MINUTE)
    whole, parts = copy.deepcopy(module.ema), copy.deepcopy(module.ema)
    torch.nn.init.zeros_(module.denoiser.net.last.weight)
    whole.update(module.denoiser.net, 1000, 1001)
    for k in range(pieces):
        parts.update(module.denoiser.net, 1000 + k / pieces, 1000 + (k + 1) / pieces)
    expected = 0.9 * module.ema.net.last.weight
    torch.testing.assert_close(whole.net.last.weight, expected)
    torch.testing.assert_close(parts.net.last.weight, expected)


def test_held_out_losses_come_at_shares_of_the_time(
    make_module: Make, fit: Fit, examples: np.ndarray
) -> None:
    clock = Ticking(7.0)
    module = timed(make_module, clock, picture_share=0.25)
    history = History(4, examples, module.budget.picture_every)
    fit(module, history, clock)
    measured = [row["step"] for row in module.history if "held_out_loss" in row]
    assert measured == [3, 5, 7, 9]  # after 21, 35, 49 and 63 of 60 seconds
    assert [row["step"] for row in module.history] == [3, 4, 5, 7, 8, 9]


class Killed(BaseException):
    pass


class KillAt(pl.Callback):
    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 8:
            raise Killed


def test_a_resumed_training_has_the_time_that_is_left(
    tmp_path: Path, make_module: Make, fit: Fit
) -> None:
    clock = Ticking()
    straight = timed(make_module, clock, dropout=0.5)
    fit(straight, clock)
    saved, clock = Resume(tmp_path / "state", every=3), Ticking()
    with pytest.raises(Killed):
        fit(timed(make_module, clock, dropout=0.5), clock, saved, KillAt())
    clock = Ticking()
    resumed = timed(make_module, clock, dropout=0.5)
    assert fit(resumed, clock, saved=saved.path).global_step == 12
    # Saved after six steps; what came after that was lost, and its time was not counted.
    assert len(clock.rates) == 6
    assert resumed.budget.seconds == 60.0
    for mine, theirs in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_one_that_was_saved_after_its_last_step_takes_no_other(
    tmp_path: Path, make_module: Make, fit: Fit
) -> None:
    saved, clock = Resume(tmp_path / "state", every=12), Ticking()
    first = timed(make_module, clock)
    fit(first, clock, saved)
    clock = Ticking()
    resumed = timed(make_module, clock)
    assert fit(resumed, clock, saved=saved.path).global_step == 12
    assert clock.rates == []
    for mine, theirs in zip(resumed.parameters(), first.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_group_counts_the_time_of_its_slowest(
    make_module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Ticking()
    module = timed(make_module, clock)
    monkeypatch.setattr(DiffusionModule, "_world_size", 2)
    monkeypatch.setattr(
        DiffusionModule, "all_gather", lambda self, mine: torch.stack((mine, mine + 2))
    )
    module.watch.start()
    clock.now = 5.0
    assert module._elapsed() == 7.0


def test_a_watch_runs_from_its_first_start() -> None:
    clock = Ticking()
    watch = Stopwatch(clock)
    assert watch.stop() == 0.0
    watch.start()
    clock.now = 3.0
    watch.start()
    clock.now = 5.0
    assert watch.stop() == 5.0
    assert watch.stop() == 0.0


def test_a_training_of_steps_has_their_numbers_for_places() -> None:
    budget = budget_of(TrainingSettings.of({"steps": 10, "picture_every": 4}))
    assert isinstance(budget, Steps)
    assert (budget.total, budget.max_steps, budget.seconds) == (10, 10, None)
    passed = []
    for step in range(1, 11):
        budget.took(step, 1e9)
        assert (budget.before, budget.after) == (step - 1, step)
        assert budget.is_spent == (step == 10)
        passed += [step] if budget.passed(budget.picture_every) else []
    assert passed == [4, 8]
    assert budget.said(3) == "step 3 of 10"
    assert (budget.is_timed, budget.length, budget.used(3)) == (False, 10, 3)


def test_minutes_say_how_far_they_are() -> None:
    budget = budget_of(TrainingSettings.of({"minutes": 10}))
    assert isinstance(budget, Minutes)
    assert (budget.is_timed, budget.length, budget.used(0)) == (True, 600.0, 0.0)
    budget.took(1, 90.0)
    assert budget.said(1) == "step 1, 1.50 of 10 minutes"
    assert budget.used(1) == 90.0
    budget.took(2, 900.0)
    assert budget.used(2) == 600.0, "a bar ends at its end"


def test_a_budget_goes_on_from_what_was_used() -> None:
    budget = budget_of(TrainingSettings.of({"minutes": 10}))
    budget.go_on(150.0)
    assert (budget.seconds, budget.before, budget.after) == (150.0, PARTS / 4, PARTS / 4)
    steps = budget_of(TrainingSettings.of({"steps": 10}))
    steps.go_on(None)
    assert steps.seconds is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"steps": None}, "must be a positive number where training.steps is null"),
        ({"steps": 5, "minutes": 1}, r"must be null beside training\.steps=5: one of"),
        ({"minutes": 0}, "must be a positive number"),
    ],
)
def test_one_of_the_two_ends_a_training(given: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=rf"^training\.minutes {named}"):
        TrainingSettings.of(given)
    assert TrainingSettings.of({"minutes": 2}).steps is None
