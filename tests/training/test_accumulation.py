"""A batch that is taken in parts is the same training: one step, in less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import VLB, Simple
from snowmelt.diffusion.schedules import Learned
from snowmelt.diffusion.time_sampling import Importance
from snowmelt.training.batch_order import Batch, BatchStream
from snowmelt.training.history import History
from snowmelt.training.module import DiffusionModule
from snowmelt.training.resume import Resume

Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]
STEPS = 100
GENTLE = {"steps": STEPS, "learning_rate": 0.01}


class Seen(Simple):
    """The simple loss, keeping the examples, times and noise that it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[Tensor, ...]] = []

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        self.given.append((x_0, t, eps))
        return super().__call__(denoiser, x_0, t, eps)


def by_step(seen: Seen, parts: int) -> list[list[Tensor]]:
    """What each step was given, its parts put together."""
    steps = [seen.given[k : k + parts] for k in range(0, len(seen.given), parts)]
    return [[torch.cat(column) for column in zip(*one, strict=True)] for one in steps]


def losses_of(module: DiffusionModule) -> list[float]:
    return [row["loss"] for row in module.history]


@pytest.mark.parametrize("parts", [2, 8])
def test_parts_see_the_same_and_learn_the_same(
    make_module: Make, fit: Fit, examples: np.ndarray, parts: int
) -> None:
    runs = []
    for count in (1, parts):
        seen = Seen()
        module = make_module(loss=seen, accumulate=count, **GENTLE)
        fit(module, History(1, examples, STEPS))
        # The held-out loss of the last step asks the loss once more.
        runs.append((module, by_step(seen, count)[:STEPS]))
    (whole, first), (divided, second) = runs
    for one, other in zip(first, second, strict=True):
        assert all(map(torch.equal, one, other))
    assert losses_of(divided) == pytest.approx(losses_of(whole), rel=1e-4)
    assert len(losses_of(divided)) == STEPS
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(
            divided.state_dict()[name], value, rtol=1e-3, atol=1e-4, msg=name
        )


def test_what_is_learned_beside_the_weights_is_the_same_too(
    make_module: Make, fit: Fit, examples: np.ndarray
) -> None:
    runs = []
    for count in (1, 4):
        module = make_module(
            loss=VLB(),
            schedule=Learned(units=5),
            time_sampler=Importance(buckets=3, history=2),
            classes=3,
            p_uncond=0.3,
            accumulate=count,
            **GENTLE,
        )
        fit(module, History(1, examples, STEPS))
        runs.append(module)
    whole, divided = runs
    assert losses_of(divided) == pytest.approx(losses_of(whole), rel=1e-3)
    for name, value in whole.time_sampler.state_dict().items():
        torch.testing.assert_close(
            divided.time_sampler.state_dict()[name], value, rtol=1e-3, atol=1e-4
        )
    t = torch.linspace(0, 1, 9)
    curves = [one.denoiser.schedule.log_snr(t).detach() for one in runs]
    torch.testing.assert_close(*curves, rtol=1e-3, atol=1e-3)


class Count(pl.Callback):
    """How often Lightning ends a batch, and takes a step of the optimiser."""

    ends = steps = 0

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends += 1

    def on_before_optimizer_step(self, *_: Any) -> None:
        self.steps += 1


def test_clip_optimiser_and_average_act_once_a_step(
    make_module: Make, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, count, averaged = make_module(accumulate=4), Count(), []
    update = module.ema.update
    monkeypatch.setattr(
        module.ema, "update", lambda *given: averaged.append(given) or update(*given)
    )
    trainer = fit(module, count)
    assert (trainer.global_step, count.ends, count.steps) == (12, 12, 12)
    assert len(averaged) == 12
    # As many values as steps are in the means that the history is made of.
    assert float(module.mean_loss.weight) == float(module.mean_norm.weight) == 12


@pytest.mark.parametrize(("before", "after"), [(4, 4), (1, 4), (4, 1)])
def test_a_state_is_gone_on_with_in_other_parts(
    make_module: Make, fit: Fit, tmp_path: Any, before: int, after: int
) -> None:
    straight = make_module(accumulate=before)
    saved = Resume(tmp_path / "state", every=7)
    fit(straight, saved)
    resumed = make_module(accumulate=after)
    trainer = fit(resumed, saved=saved.path)
    assert trainer.global_step == 12
    for name, value in straight.state_dict().items():
        found = resumed.state_dict()[name]
        if before == after:
            assert torch.equal(found, value), name
        else:
            torch.testing.assert_close(found, value, rtol=1e-3, atol=1e-4)


def test_no_gradient_is_computed_in_autocast(make_module: Make, fit: Fit) -> None:
    module, states = make_module(steps=1, accumulate=2), []
    weight = next(module.denoiser.net.parameters())
    weight.register_hook(lambda _: states.append(torch.is_autocast_enabled("cpu")))
    fit(module, precision="bf16-mixed")
    assert states == [False, False]


def test_the_parts_of_a_batch_are_the_batch(examples: np.ndarray) -> None:
    slot = torch.arange(8)
    for labels in (None, slot % 3):
        whole = Batch(torch.from_numpy(examples[:8]), slot, labels)
        parts = whole.parts(4)
        assert [len(part.stored) for part in parts] == [2] * 4
        assert torch.equal(torch.cat([part.stored for part in parts]), whole.stored)
        assert torch.equal(torch.cat([part.slot for part in parts]), slot)
        if labels is None:
            assert {part.labels for part in parts} == {None}
        else:
            assert torch.equal(torch.cat([part.labels for part in parts]), labels)


def test_parts_that_are_not_equal_are_refused(examples: np.ndarray) -> None:
    asked = {"batch_size": 12, "steps": 1, "seed": 0, "world_size": 2}
    BatchStream(examples, **asked, parts=3)
    with pytest.raises(UserError, match=r"by 2 processes in 4 parts each.*multiple of 8"):
        BatchStream(examples, **asked, parts=4)
