"""One step of training: what it draws, what it optimises, and when it refuses."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import VLB, Hybrid, Loss, Simple
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedules import Learned
from snowmelt.diffusion.time_sampling import Importance, LowDiscrepancy, TimeSampler
from snowmelt.training import module as modules
from snowmelt.training.batch_order import Batch
from snowmelt.training.execution import computing
from snowmelt.training.module import DiffusionModule
from snowmelt.training.settings import Precision, TrainerSettings

Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that makes modules believe that they are at a step."""

    def move(step: int) -> None:
        monkeypatch.setattr(DiffusionModule, "global_step", step)

    return move


def batch(examples: np.ndarray, count: int = 8) -> Batch:
    return Batch(torch.from_numpy(examples[:count].copy()), torch.arange(count))


class Spy(Loss):
    """The simple loss, keeping what it was given."""

    def __init__(self, change: Callable[[int, Tensor], Tensor] | None = None) -> None:
        self.given: list[tuple[Tensor, Tensor, Tensor]] = []
        self.watch: Callable[[Denoiser], None] = lambda denoiser: None
        self.change = change

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        self.given.append((x_0, t, eps))
        self.watch(denoiser)
        loss = Simple()(denoiser, x_0, t, eps)
        return self.change(len(self.given), loss) if self.change else loss


def test_a_step_perturbs_scaled_data_with_keyed_noise(
    make_module: Make,
    examples: np.ndarray,
    manifest: Manifest,
    at_step: Callable[[int], None],
) -> None:
    spy = Spy()
    module = make_module(seed=7, loss=spy)
    at_step(5)
    given = batch(examples)
    loss = module.training_step(given, 0)
    ((x_0, t, eps),) = spy.given
    assert torch.equal(x_0, to_model(given.stored, manifest))
    place = {"seed": 7, "stream": Stream.TRAINING_NOISE, "index": given.slot, "step": 5}
    assert torch.equal(eps, normal((2,), **place))
    process = module.denoiser.process
    expected, _ = LowDiscrepancy()(given.slot, 8, seed=7, step=5, process=process)
    assert torch.equal(t, expected)
    torch.testing.assert_close(loss, Simple()(module.denoiser, x_0, t, eps).mean())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_step_is_the_same_whatever_happened_before(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    dropout: float,
) -> None:
    given = batch(examples)
    at_step(5)
    first = make_module(dropout=dropout).train().training_step(given, 0)
    torch.randn(1000)
    other = make_module(dropout=dropout).train()
    at_step(2)
    other.training_step(given, 0)
    at_step(5)
    assert torch.equal(other.training_step(given, 9), first)
    at_step(6)
    assert not torch.equal(other.training_step(given, 9), first)
    at_step(5)
    assert not torch.equal(
        make_module(seed=8, dropout=dropout).train().training_step(given, 0), first
    )


def test_a_step_asks_nothing_of_devices_that_nobody_uses(
    make_module: Make, examples: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, queued = make_module(dropout=0.5).train(), []
    keep: Callable[..., None] = lambda *given, **_: queued.append(given)  # noqa: E731
    monkeypatch.setattr(torch.cuda.random, "_lazy_call", keep)
    for number in range(3):
        module.training_step(batch(examples), number)
    assert not queued


def test_dropout_of_each_step_and_process_is_its_own(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = []
    spy = Spy(lambda call, loss: drawn.append(torch.rand(4)) or loss)
    module = make_module(loss=spy)
    for step, rank in ((0, 0), (1, 0), (0, 1), (0, 0)):
        at_step(step)
        monkeypatch.setattr(DiffusionModule, "global_rank", rank)
        module.training_step(batch(examples), 0)
    assert torch.equal(drawn[3], drawn[0])
    assert not torch.equal(drawn[1], drawn[0])
    assert not torch.equal(drawn[2], drawn[0])


def test_two_processes_share_one_batch(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    at_step(3)
    whole, module = batch(examples), make_module()
    halves = [
        Batch(whole.stored[part], whole.slot[part]) for part in (slice(4), slice(4, 8))
    ]
    together = torch.stack([module.training_step(half, 0) for half in halves]).mean()
    torch.testing.assert_close(together, module.training_step(whole, 0))


class Weighing(TimeSampler):
    """Known times with the weights 1, 2, 3 ..., and the losses that `update` was given."""

    learns = True

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[tuple[Tensor, Tensor]] = []

    def forward(
        self, slot: Tensor, batch_size: int, *, seed: int, step: int, process: Process
    ) -> tuple[Tensor, Tensor]:
        return (slot + 0.5) / batch_size, slot + 1.0

    def update(self, t: Tensor, losses: Tensor) -> None:
        self.updates.append((t, losses))


def test_losses_are_weighted_and_given_without_their_weights(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As if there were two processes that hold the same.
    monkeypatch.setattr(
        DiffusionModule, "all_gather", lambda self, mine: torch.stack((mine, mine))
    )
    spy = Spy()
    module = make_module(loss=spy, time_sampler=Weighing())
    at_step(3)
    loss = module.training_step(batch(examples), 0)
    ((x_0, t, eps),) = spy.given
    losses = Simple()(module.denoiser, x_0, t, eps)
    weights = torch.arange(1.0, 9.0)
    torch.testing.assert_close(loss, (weights * losses).mean())
    ((given_t, given_losses),) = module.time_sampler.updates
    assert torch.equal(given_t, torch.cat((t, t)))
    torch.testing.assert_close(given_losses, torch.cat((losses, losses)).detach())
    assert not given_losses.requires_grad


@pytest.mark.parametrize("p_uncond", [0.0, 0.3, 1.0])
def test_some_classes_are_replaced_by_the_null_class(
    make_module: Make, at_step: Callable[[int], None], p_uncond: float
) -> None:
    count = 2000
    labels_seen = []
    spy = Spy(lambda call, loss: loss)
    spy.watch = lambda denoiser: labels_seen.append(denoiser.labels)
    module = make_module(loss=spy, classes=3, p_uncond=p_uncond, batch_size=count)
    slot = torch.arange(count)
    whole = Batch(torch.zeros(count, 2), slot, slot % 3)
    at_step(4)
    module.training_step(whole, 0)
    for part in slot.split(500):
        module.training_step(Batch(whole.stored[part], part, whole.labels[part]), 0)
    at_step(5)
    module.training_step(whole, 0)
    first, later = labels_seen[0], labels_seen[-1]
    assert first.dtype == torch.int64
    is_dropped = first == -1
    assert torch.equal(first[~is_dropped], whole.labels[~is_dropped])
    key = {"seed": 7, "stream": Stream.LABEL_DROPOUT, "index": slot, "step": 4}
    assert torch.equal(is_dropped, uniform((1,), **key)[:, 0] < p_uncond)
    share = float(is_dropped.double().mean())
    assert share == pytest.approx(p_uncond, abs=0.04)
    assert torch.equal(torch.cat(labels_seen[1:5]), first)
    assert torch.equal(later, first) == (p_uncond in (0.0, 1.0))


def test_an_unconditional_network_gets_no_classes(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    labels_seen = []
    spy = Spy()
    spy.watch = lambda denoiser: labels_seen.append(denoiser.labels)
    at_step(0)
    make_module(loss=spy).training_step(batch(examples), 0)
    assert labels_seen == [None]


def test_the_held_out_loss_uses_every_class(
    make_module: Make, examples: np.ndarray
) -> None:
    labels_seen = []
    spy = Spy()
    spy.watch = lambda denoiser: labels_seen.append(denoiser.labels)
    module = make_module(loss=spy, classes=3, p_uncond=1.0)
    module.ema.net.embedding.classes.weight.data.normal_()
    stored, labels = torch.from_numpy(examples), torch.arange(20) % 3
    value = module.held_out_loss(stored, labels)
    assert torch.equal(labels_seen[0], labels)
    assert module.held_out_loss(stored, labels, batch_size=7) == pytest.approx(value)
    assert torch.equal(torch.cat(labels_seen[1:]), labels)
    assert module.held_out_loss(stored, (labels + 1) % 3) != pytest.approx(value)


@pytest.mark.parametrize("warmup", [0, 1, 3, 10])
def test_the_learning_rate_rises_then_falls_to_zero(make_module: Make, warmup: int) -> None:
    steps = 30
    factor = make_module(steps=steps, warmup_steps=warmup).learning_rate_factor
    factors = [factor(step) for step in range(steps + 1)]
    assert factors[:warmup] == pytest.approx([(k + 1) / warmup for k in range(warmup)])
    assert factors[warmup] == 1.0
    assert factors[-1] == pytest.approx(0.0, abs=1e-12)
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    middle = (steps - warmup) / 2
    assert factor(warmup + middle) == pytest.approx(0.5)
    assert factor(warmup + middle / 2) == pytest.approx(0.5 + 0.5 * math.sqrt(0.5))


@pytest.mark.parametrize(
    ("decay", "middle", "last"),
    [("none", 1.0, 1.0), ("linear", 0.5, 0.0), ("cosine", 0.5, 0.0)],
)
def test_the_learning_rate_falls_as_it_is_told(
    make_module: Make, decay: str, middle: float, last: float
) -> None:
    factor = make_module(steps=32, warmup_steps=2, decay=decay).learning_rate_factor
    assert [factor(0), factor(1), factor(2)] == [0.5, 1.0, 1.0]
    assert factor(17) == pytest.approx(middle)
    assert factor(32) == pytest.approx(last, abs=1e-12)


def test_a_warm_up_longer_than_the_training_is_no_error(make_module: Make) -> None:
    factor = make_module(steps=5, warmup_steps=10).learning_rate_factor
    assert [factor(step) for step in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert math.isfinite(make_module(steps=5, warmup_steps=5).learning_rate_factor(5))


class Watch(pl.Callback):
    """What the optimiser was given, and the weights after each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.norms: list[float] = []
        self.weights: list[list[Tensor]] = []

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.start = [w.detach().clone() for w in module.denoiser.parameters()]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: Any
    ) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any
    ) -> None:
        self.weights.append([w.detach().clone() for w in module.denoiser.parameters()])
        gradients = [w.grad for w in module.denoiser.parameters() if w.grad is not None]
        self.norms.append(float(torch.stack([g.norm() for g in gradients]).norm()))


def test_the_optimiser_gets_the_rate_of_its_step(make_module: Make, fit: Fit) -> None:
    module, watch = make_module(), Watch()
    fit(module, watch)
    expected = [0.05 * module.learning_rate_factor(step) for step in range(12)]
    assert watch.rates == pytest.approx(expected)


def test_the_average_follows_each_step_by_its_number(make_module: Make, fit: Fit) -> None:
    module, watch = make_module(), Watch()
    fit(module, watch)
    expected = watch.start
    for step, weights in enumerate(watch.weights, start=1):
        decay = min(0.9, 1 - (1 + step) ** -0.6667)
        expected = [
            decay * old + (1 - decay) * new
            for old, new in zip(expected, weights, strict=True)
        ]
    found = list(module.averaged().parameters())
    assert not module.averaged().net.training
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("limit", [0.01, None])
def test_the_gradient_is_clipped_to_its_limit(
    make_module: Make, fit: Fit, limit: float | None
) -> None:
    module, watch = make_module(gradient_clip=limit, steps=4), Watch()
    fit(module, watch)
    if limit is None:
        assert max(watch.norms) > 0.05
    else:
        assert watch.norms == pytest.approx([limit] * 4, rel=1e-3)
    # What is logged is the norm before it was clipped.
    assert float(module.mean_norm.compute()) > 0.05


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_a_scaled_gradient_may_be_too_large_and_no_other(
    make_module: Make, precision: str, at_step: Callable[[int], None]
) -> None:
    module = make_module()
    at_step(0)
    module._trainer = SimpleNamespace(precision=precision, world_size=1)
    module._loss_of_step = torch.tensor(0.5)
    for weight in module.denoiser.net.parameters():
        weight.grad = torch.full_like(weight, torch.inf)
    if precision == "16-mixed":
        module.configure_gradient_clipping(None)
        assert float(module.mean_loss.compute()) == 0.5
        assert float(module.mean_norm.weight) == 0.0
    else:
        with pytest.raises(UserError, match="the gradient is inf in step 1"):
            module.configure_gradient_clipping(None)
    module._loss_of_step = torch.tensor(torch.nan)
    with pytest.raises(UserError, match="the loss is nan in step 1"):
        module.configure_gradient_clipping(None)
    assert float(module.mean_norm.weight) == 0.0


def test_the_gradient_of_a_schedule_is_looked_at_too(
    make_module: Make, at_step: Callable[[int], None]
) -> None:
    module = make_module(schedule=Learned(), loss=VLB())
    at_step(0)
    module._trainer = SimpleNamespace(precision="32-true", world_size=1)
    module._loss_of_step = torch.tensor(0.5)
    for weight in module.denoiser.net.parameters():
        weight.grad = torch.zeros_like(weight)
    for weight in module._schedule_parameters():
        weight.grad = torch.full_like(weight, torch.nan)
    with pytest.raises(UserError, match="the gradient is nan in step 1"):
        module.configure_gradient_clipping(None)


def test_a_step_waits_once_for_its_loss_and_norm(
    make_module: Make, fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that was asked computes nothing until it is told more."""
    asked: list[str] = []
    for name in ("__bool__", "__float__", "__int__", "item", "tolist"):
        method = getattr(Tensor, name)

        def noted(self: Tensor, *, name: str = name, method: Any = method) -> Any:
            asked.append(name)
            return method(self)

        monkeypatch.setattr(Tensor, name, noted)

    steps: list[list[str]] = []
    module = make_module(steps=4)
    for hook in ("training_step", "configure_gradient_clipping"):
        inner = getattr(module, hook)

        def within(*given: Any, inner: Any = inner, **named: Any) -> Any:
            before = len(asked)
            found = inner(*given, **named)
            steps.append(asked[before:])
            return found

        monkeypatch.setattr(module, hook, within)
    fit(module)
    assert steps == [[], ["tolist"]] * 4


SPOILT: dict[str, Callable[[Tensor], Tensor]] = {
    "the loss is nan": lambda loss: loss * math.nan,
    "the loss is inf": lambda loss: loss * math.inf,
    # Nothing is added to the loss, with a slope that is no number.
    "the gradient is nan": lambda loss: loss + (0.0 * loss).sqrt(),
}


@pytest.mark.parametrize("said", SPOILT)
@pytest.mark.parametrize("parts", [1, 2])
def test_what_is_no_number_stops_before_the_weights_change(
    make_module: Make, fit: Fit, said: str, parts: int
) -> None:
    spoil = Spy(lambda call, loss: SPOILT[said](loss) if call == 3 * parts else loss)
    module, watch = make_module(loss=spoil, accumulate=parts), Watch()
    with pytest.raises(UserError, match=rf"{said} in step 3, before .*learning_rate"):
        fit(module, watch)
    assert len(watch.weights) == 2
    for mine, before in zip(module.denoiser.parameters(), watch.weights[-1], strict=True):
        assert torch.equal(mine, before)
    for average in module.ema.parameters():
        assert average.isfinite().all()


@pytest.mark.parametrize("numbers", ["fp32", "bf16"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_it_advises_finer_numbers_where_there_are(
    make_module: Make, fit: Fit, numbers: Any, precision: str
) -> None:
    module = make_module(loss=Spy(lambda _, loss: loss * math.nan))
    asked = TrainerSettings(conv_precision=numbers)
    with pytest.raises(UserError) as caught, computing(asked):
        fit(module, precision=precision)
    said = str(caught.value)
    assert ("use trainer.conv_precision=fp32" in said) == (numbers == "bf16")
    assert ("use trainer.precision=32-true" in said) == (precision == "bf16-mixed")


@pytest.mark.parametrize("precision", get_args(Precision))
def test_every_precision_trains_weights_in_float32(
    make_module: Make, fit: Fit, precision: str
) -> None:
    module, watch = make_module(steps=3), Watch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 16-mixed is bf16-mixed on a processor
        fit(module, watch, precision=precision)
    for mine, start in zip(module.denoiser.parameters(), watch.start, strict=True):
        assert mine.dtype == torch.float32
        assert mine.isfinite().all()
        assert not torch.equal(mine, start)
    assert math.isfinite(module.held_out_loss(torch.ones(5, 2)))


@pytest.mark.parametrize(
    "parts",
    [
        {"loss": VLB(), "schedule": Learned(units=6)},
        {"loss": VLB()},
        {"loss": Hybrid(steps=10)},
        {"schedule": Learned(units=6)},
        {"time_sampler": Importance(buckets=4, history=2)},
        {"classes": 3, "p_uncond": 0.2},
    ],
    ids=["learned", "bound", "hybrid", "frozen", "importance", "classes"],
)
def test_every_parameter_that_is_trained_gets_a_gradient(
    make_module: Make, fit: Fit, parts: dict[str, Any]
) -> None:
    # A group of processes waits for ever for one that does not.
    module = make_module(steps=3, **copy.deepcopy(parts))
    fit(module)
    free = [value for value in module.parameters() if value.requires_grad]
    in_optimizer = [
        value
        for group in module.trainer.optimizers[0].param_groups
        for value in group["params"]
    ]
    assert {id(value) for value in free} == {id(value) for value in in_optimizer}
    for value in free:
        assert value.grad is not None
        assert value.isfinite().all()


def test_a_schedule_is_learned_only_by_a_loss_that_leaves_it_free(
    make_module: Make, fit: Fit
) -> None:
    for loss, is_learned in ((VLB(), True), (Simple(), False)):
        module = make_module(loss=loss, schedule=Learned(units=6), steps=3)
        before = copy.deepcopy(module.denoiser.schedule.state_dict())
        fit(module)
        after = module.denoiser.schedule.state_dict()
        assert all(torch.equal(before[k], after[k]) != is_learned for k in before)
        # The average is of the network alone.
        assert "ema.schedule" not in " ".join(module.state_dict())


def test_network_and_schedule_each_have_their_own_objective(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DiffusionModule, "all_gather", lambda self, mine: mine)
    at_step(3)

    def make() -> DiffusionModule:
        return make_module(loss=VLB(), schedule=Learned(units=6), time_sampler=Weighing())

    module, weight = make(), torch.arange(1.0, 9.0)
    total = module.training_step(batch(examples), 0)
    total.backward()
    x_0 = to_model(batch(examples).stored, module.manifest)
    t, place = (torch.arange(8) + 0.5) / 8, torch.arange(8)
    eps = normal((2,), seed=7, stream=Stream.TRAINING_NOISE, index=place, step=3)
    for part, power in (("net", 1), ("schedule", 2)):
        plain = make()
        losses = weight * VLB()(plain.denoiser, x_0, t, eps)
        if power == 1:
            torch.testing.assert_close(total.detach(), losses.mean().detach())
        (losses**power).mean().backward()
        mine, theirs = (getattr(m.denoiser, part).parameters() for m in (module, plain))
        for found, expected in zip(mine, theirs, strict=True):
            torch.testing.assert_close(found.grad, expected.grad, rtol=1e-4, atol=1e-6)


def test_a_schedule_neither_decays_nor_clips_the_network(
    make_module: Make, fit: Fit
) -> None:
    limit = 0.01
    module = make_module(
        loss=VLB(), schedule=Learned(units=6), weight_decay=0.5, gradient_clip=limit
    )
    fit(module)
    groups = module.trainer.optimizers[0].param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    for group in groups:
        norm = torch.stack([value.grad.norm() for value in group["params"]]).norm()
        assert float(norm) == pytest.approx(limit, rel=1e-2)


def test_training_learns(make_module: Make, fit: Fit, examples: np.ndarray) -> None:
    module = make_module(steps=80, batch_size=20)
    held_out = torch.from_numpy(examples)
    before = module.held_out_loss(held_out)
    fit(module)
    assert module.held_out_loss(held_out) < 0.6 * before


def test_the_held_out_loss_is_a_function_of_the_weights_alone(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    spy = Spy()
    module, stored = make_module(dropout=0.5, loss=spy).train(), torch.from_numpy(examples)
    state = torch.get_rng_state()
    value = module.held_out_loss(stored)
    at_step(9)
    for size in (1, 7, 20, 100):
        assert module.held_out_loss(stored, batch_size=size) == pytest.approx(value)
    assert make_module(seed=8, loss=spy).held_out_loss(stored) == pytest.approx(value)
    assert torch.equal(state, torch.get_rng_state())
    x_0, t, eps = spy.given[0]
    exact = Simple()(module.averaged(), x_0, t, eps)
    assert value == pytest.approx(float(exact.mean()))
    assert ((t >= 0) & (t < 1)).all()
    # The times cover the interval: no gap much longer than the average one.
    ordered = t.sort().values
    assert float(ordered.diff().max()) < 3 / len(t)
    assert float(ordered[-1] - ordered[0]) > 1 - 3 / len(t)


def test_the_network_sees_a_few_large_held_out_examples_at_a_time(
    make_module: Make, examples: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy, stored = Spy(), torch.from_numpy(examples)
    value = make_module(loss=spy).held_out_loss(stored)
    assert [len(x_0) for x_0, *_ in spy.given] == [len(stored)]
    whole = spy.given[0]
    for numbers, few in ((7 * stored[0].numel(), 7), (1, 1)):
        monkeypatch.setattr(modules, "HELD_OUT_NUMBERS", numbers)
        spy.given.clear()
        assert make_module(loss=spy).held_out_loss(stored) == pytest.approx(value)
        assert {len(x_0) for x_0, *_ in spy.given[:-1]} == {few}
        for found, expected in zip(zip(*spy.given, strict=True), whole, strict=True):
            assert torch.equal(torch.cat(found), expected)


def test_the_held_out_loss_is_that_of_the_average(
    make_module: Make, examples: np.ndarray
) -> None:
    module, stored = make_module(), torch.from_numpy(examples)
    value = module.held_out_loss(stored)
    for weight in module.denoiser.parameters():
        weight.data.fill_(9.0)
    assert module.held_out_loss(stored) == pytest.approx(value)


def test_the_history_is_part_of_a_checkpoint(make_module: Make) -> None:
    first, second, saved = make_module(), make_module(), {}
    first.history = [{"step": 1.0, "loss": 0.5}]
    first.on_save_checkpoint(saved)
    second.on_load_checkpoint(saved)
    second.history.append({"step": 2.0})
    assert second.history[0] == first.history[0]
    assert len(first.history) == 1


def test_both_sets_of_weights_are_part_of_the_state(make_module: Make) -> None:
    names = make_module().state_dict().keys()
    for prefix in ("denoiser.net.", "ema.net."):
        assert any(name.startswith(prefix) for name in names), prefix


def test_the_running_means_go_on(make_module: Make) -> None:
    first, second, saved = make_module(), make_module(), {}
    first.mean_loss.update(1.0)
    first.mean_norm.update(5.0)
    first.on_save_checkpoint(saved)
    second.on_load_checkpoint(saved)
    second.mean_loss.update(2.0)
    second.mean_norm.update(7.0)
    assert float(second.mean_loss.compute()) == 1.5
    assert float(second.mean_norm.compute()) == 6.0


@pytest.mark.parametrize(("rank", "total"), [(0, [7.0, 4.0, 30.0, 2.0]), (1, [0.0] * 4)])
def test_the_sums_of_another_group_go_to_its_first_process(
    make_module: Make, monkeypatch: pytest.MonkeyPatch, rank: int, total: list[float]
) -> None:
    """Three processes go on with what two have saved; each sum counts once."""
    module = make_module()
    monkeypatch.setattr(type(module), "global_rank", rank)
    monkeypatch.setattr(type(module), "_world_size", 3)
    rows = torch.tensor([[3.0, 2.0, 10.0, 1.0], [4.0, 2.0, 20.0, 1.0]])
    about = {"history": [], "processes": [2], "seconds": None}
    module.on_load_checkpoint({**about, "sums": rows})
    assert [float(part) for part in module._sums()] == total


def test_a_process_of_an_equal_group_takes_its_own_sums(
    make_module: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = make_module()
    monkeypatch.setattr(type(module), "global_rank", 1)
    monkeypatch.setattr(type(module), "_world_size", 2)
    rows = torch.tensor([[3.0, 2.0, 10.0, 1.0], [4.0, 2.0, 20.0, 1.0]])
    about = {"history": [], "processes": [2], "seconds": None}
    module.on_load_checkpoint({**about, "sums": rows})
    assert [float(part) for part in module._sums()] == rows[1].tolist()
