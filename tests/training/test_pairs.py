"""Pairs of data and start: what a step trains on, and diffusion's stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tests.training.test_resume import KillAt, Killed
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.scaling import to_model
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import BrownianBridge, Constant, Straight
from snowmelt.diffusion.losses import Loss, Simple
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.training import module as modules
from snowmelt.training.batch_order import Batch
from snowmelt.training.couplings import (
    ClassWise,
    Independent,
    OptimalTransport,
    Sinkhorn,
)
from snowmelt.training.module import DiffusionModule
from snowmelt.training.pairs import Pairs, has_score, has_start
from snowmelt.training.resume import Resume
from snowmelt.training.step_draws import StepDraws

Make = Callable[..., DiffusionModule]
PROCESS = VariancePreserving(Cosine())
T = torch.linspace(0.1, 0.9, 8, dtype=torch.float64)


class Spy(Loss):
    """The simple loss, keeping what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[Tensor, Tensor, Tensor]] = []

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        self.given.append((x_0, t, eps))
        return Simple()(denoiser, x_0, t, eps)


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def move(step: int) -> None:
        monkeypatch.setattr(DiffusionModule, "global_step", step)

    return move


@pytest.fixture
def starts(tmp_path: Path, examples: np.ndarray, manifest: Manifest) -> StartPoints:
    """Twenty-four points far from the data."""
    far = (20.0 + np.concatenate((examples, examples[:4] - 5.0))).astype(np.float32)
    dataset.write(tmp_path / FOLDER, examples=far, name="far")
    return StartPoints.open(tmp_path, manifest)


def batch(examples: np.ndarray, count: int = 8) -> Batch:
    return Batch(torch.from_numpy(examples[:count].copy()), torch.arange(count))


def given_to(module: DiffusionModule, whole: Batch) -> tuple[Tensor, ...]:
    """The ends and times that the loss is asked about in one step."""
    assert isinstance(module.loss, Spy)
    module.loss.given.clear()
    module.training_step(whole, 0)
    return tuple(map(torch.cat, zip(*module.loss.given, strict=True)))


# ---- diffusion is the default


def test_plain_pairs_are_those_of_diffusion(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    at_step(5)
    plain = Pairs(Independent(), Straight(), batch_size=8)
    assert plain.is_diffusion()
    found = given_to(make_module(loss=Spy(), pairs=plain), batch(examples))
    before = given_to(make_module(loss=Spy()), batch(examples))
    for one, other in zip(found, before, strict=True):
        assert torch.equal(one, other)


def test_a_configuration_of_before_is_diffusion() -> None:
    assert Pairs.of({}).is_diffusion()
    assert not has_start({})
    assert has_score({})


@pytest.mark.parametrize(
    "sections",
    [
        {"coupling": {"_target_": "snowmelt.couplings.OptimalTransport"}},
        {"interpolant": {"_target_": "snowmelt.interpolants.BrownianBridge"}},
        {"start": {"_target_": "snowmelt.starts.DataSet", "of": {"name": "far"}}},
    ],
)
def test_anything_else_has_no_score(sections: dict) -> None:
    assert not has_score(sections)
    assert has_start(sections) == ("start" in sections)


def test_degraded_data_is_another_start() -> None:
    gray = {"_target_": "snowmelt.operators.Gray"}
    sections = {"start": {"_target_": "snowmelt.starts.Degraded", "by": gray}}
    assert has_start(sections)
    assert not has_score(sections)


# ---- the ends of a step


def test_noise_on_the_way_is_drawn_apart_from_the_start(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    at_step(5)
    pairs = Pairs(Independent(), Constant(0.5), batch_size=8)
    module = make_module(loss=Spy(), pairs=pairs)
    on_data, t, on_start = given_to(module, batch(examples))
    x_0, _, x_1 = given_to(make_module(loss=Spy()), batch(examples))
    place = {"seed": 7, "index": torch.arange(8), "step": 5}
    z = normal((2,), stream=Stream.PATH_NOISE, **place)
    expected = Constant(0.5).ends(module.denoiser.process, x_0, x_1, z, t)
    assert torch.equal(on_data, expected[0])
    assert torch.equal(on_start, expected[1])


def test_the_best_partners_are_nearer_than_those_that_were_drawn(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    at_step(2)
    pairs = Pairs(OptimalTransport(), Straight(), batch_size=8)
    x_0, _, x_1 = given_to(make_module(loss=Spy(), pairs=pairs), batch(examples))
    same, _, drawn = given_to(make_module(loss=Spy()), batch(examples))
    assert torch.equal(x_0, same)
    # The same starts, given to others.
    assert torch.equal(x_1.sort(0).values, drawn.sort(0).values)
    assert (x_0 - x_1).square().sum() < (same - drawn).square().sum()


@pytest.mark.parametrize("coupling", [OptimalTransport(), Sinkhorn(0.5)])
def test_parts_of_a_batch_have_the_partners_of_the_whole(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    coupling: OptimalTransport,
) -> None:
    at_step(2)
    pairs = Pairs(coupling, BrownianBridge(0.3), batch_size=8)
    whole = given_to(make_module(loss=Spy(), pairs=pairs), batch(examples))
    parted = make_module(loss=Spy(), pairs=pairs, accumulate=4)
    coupled = parted._coupled(batch(examples))
    assert coupled.partner is not None
    for part in coupled.parts(4):
        parted._losses(part)
    assert isinstance(parted.loss, Spy)
    found = tuple(map(torch.cat, zip(*parted.loss.given, strict=True)))
    for one, other in zip(found, whole, strict=True):
        torch.testing.assert_close(one, other)


def test_every_process_finds_the_partners_of_the_whole(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_step(2)
    pairs = Pairs(OptimalTransport(), Straight(), batch_size=8)
    module, whole = make_module(pairs=pairs), batch(examples)
    alone = module._coupled(whole).partner
    assert alone is not None
    everything = [to_model(whole.stored, module.manifest), whole.slot]
    for part in (slice(4), slice(4, 8)):
        waiting = list(everything)
        monkeypatch.setattr(module, "_whole", lambda mine, w=waiting: w.pop(0))
        half = Batch(whole.stored[part], whole.slot[part])
        found = module._coupled(half).partner
        assert found is not None
        assert torch.equal(found, alone[part])


def test_journeys_begin_with_other_data(
    make_module: Make,
    examples: np.ndarray,
    at_step: Callable[[int], None],
    starts: StartPoints,
) -> None:
    at_step(2)
    pairs = Pairs(Independent(), Straight(), starts, batch_size=8)
    _, _, x_1 = given_to(make_module(loss=Spy(), pairs=pairs), batch(examples))
    slot = torch.arange(8)
    assert torch.equal(x_1, starts.at_step(slot, batch_size=8, seed=7, step=2))
    assert not pairs.is_diffusion()


def test_class_wise_partners_need_the_labels_of_the_batch(
    make_module: Make, examples: np.ndarray, at_step: Callable[[int], None]
) -> None:
    at_step(2)
    pairs = Pairs(ClassWise(OptimalTransport()), Straight(), batch_size=8)
    labels = torch.arange(8) % 2
    given = batch(examples)._replace(labels=labels)
    found = make_module(classes=2, pairs=pairs)._coupled(given).partner
    assert found is not None
    assert torch.equal(labels[found], labels)


# ---- the held-out loss


@pytest.mark.parametrize("coupling", [Independent(), OptimalTransport()])
def test_the_held_out_loss_is_always_of_the_same_pairs(
    make_module: Make,
    examples: np.ndarray,
    starts: StartPoints,
    coupling: OptimalTransport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = Pairs(coupling, BrownianBridge(0.3), starts, batch_size=8)
    module = make_module(pairs=pairs)
    stored = torch.from_numpy(examples[:12])
    first = module.held_out_loss(stored)
    torch.randn(10)
    assert module.held_out_loss(stored) == first
    assert module.held_out_loss(stored) != make_module().held_out_loss(stored)
    # However few of them the network sees at once.
    monkeypatch.setattr(modules, "HELD_OUT_NUMBERS", 5 * stored[0].numel())
    assert module.held_out_loss(stored) == pytest.approx(first)


def test_held_out_pairs_of_diffusion_are_those_of_before(
    make_module: Make, examples: np.ndarray
) -> None:
    stored = torch.from_numpy(examples[:12])
    plain = Pairs(Independent(), Straight(), batch_size=8)
    found = make_module(pairs=plain).held_out_loss(stored)
    assert found == make_module().held_out_loss(stored)


# ---- training


def test_a_flow_between_two_clouds_is_trained_and_resumes_exactly(
    make_module: Make,
    fit: Callable[..., pl.Trainer],
    starts: StartPoints,
    tmp_path: Path,
) -> None:
    pairs = Pairs(OptimalTransport(), Constant(0.05), starts, batch_size=8)
    whole, killed, on = (make_module(pairs=pairs) for _ in range(3))
    fit(whole)
    with pytest.raises(Killed):
        fit(killed, Resume(tmp_path / "state", every=5), KillAt(7))
    fit(on, saved=str(tmp_path / "state" / "last.ckpt"))
    weights = whole.denoiser.net.state_dict()
    before = make_module().denoiser.net.state_dict()
    for name, value in on.denoiser.net.state_dict().items():
        assert torch.equal(value, weights[name])
        assert not torch.equal(value, before[name])


def test_draws_of_another_seed_are_others(starts: StartPoints) -> None:
    pairs = Pairs(Sinkhorn(0.5), BrownianBridge(0.5), starts, batch_size=8)
    x_0 = torch.zeros(8, 2)
    ends = {}
    for seed in (1, 2):
        draws = StepDraws(seed, 0, torch.arange(8))
        partner = pairs.partners(x_0, draws)
        ends[seed] = pairs.ends(PROCESS, x_0, T, draws, partner)
    assert not torch.equal(ends[1][0], ends[2][0])
    assert not torch.equal(ends[1][1], ends[2][1])
