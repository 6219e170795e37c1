"""Schedules are compared on equal terms: a training draws the same under each of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.project import last_of_each
from torch import Tensor

from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Simple
from snowmelt.pipeline.config.composition import compose
from snowmelt.training.fit import TrainingData, new_module
from snowmelt.training.module import DiffusionModule
from snowmelt.training.settings import FitSettings

ROOT = Path(__file__).parents[2]
SCHEDULES = sorted(path.stem for path in (ROOT / "conf/schedule").glob("*.yaml"))
Draws = list[tuple[Tensor, Tensor, Tensor]]


class Spy(Simple):
    """The simple loss, keeping the examples, times and noise that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Draws = []

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        self.given.append((x_0, t, eps))
        return x_0.new_zeros(len(x_0)).requires_grad_()


@pytest.fixture
def data(manifest: Manifest, examples: np.ndarray, labels: np.ndarray) -> Any:
    return SimpleNamespace(
        manifest=manifest,
        shape=(2,),
        train=examples,
        train_labels=labels,
        held_out=examples[:6],
    )


def settings(*overrides: str) -> FitSettings:
    points = ("data=two_moons", "net=mlp", "features=coordinates", "threshold=none")
    given = last_of_each([*points, "training.batch_size=4", "seed=5", *overrides])
    return FitSettings.of(plain(compose(ROOT, given, is_checked=False)))


def drawn(one: FitSettings, data: Any, monkeypatch: pytest.MonkeyPatch) -> Draws:
    """What the first steps of a training, and the held-out loss, are made of."""
    module, batches = new_module(one, data), TrainingData(data, one)
    place = {"global_step": 0, "global_rank": 0, "world_size": 1}
    batches.trainer = SimpleNamespace(**place)  # type: ignore[assignment]
    module.loss = spy = Spy()
    for step, batch in zip(range(3), batches.train_dataloader(), strict=False):
        monkeypatch.setattr(DiffusionModule, "global_step", step)
        module.training_step(batch, step)
    module.held_out_loss(torch.from_numpy(data.held_out))
    assert len(spy.given) == 4
    return spy.given


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_weights_are_the_same_at_first(schedule: str, data: Any) -> None:
    usual = new_module(settings(), data).denoiser.net.state_dict()
    other = new_module(settings(f"schedule={schedule}"), data).denoiser.net.state_dict()
    assert usual.keys() == other.keys()
    assert all(torch.equal(usual[name], other[name]) for name in usual)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_examples_times_and_noise_are_the_same(
    schedule: str, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = drawn(settings(), data, monkeypatch)
    other = drawn(settings(f"schedule={schedule}"), data, monkeypatch)
    for one, two in zip(usual, other, strict=True):
        assert all(map(torch.equal, one, two))


def test_another_seed_is_another_training(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = drawn(settings(), data, monkeypatch)
    other = drawn(settings("seed=6"), data, monkeypatch)
    for one, two in zip(usual[:3], other[:3], strict=True):
        assert not any(map(torch.equal, one, two))
    assert all(map(torch.equal, usual[3], other[3])), "held-out losses compare over seeds"
