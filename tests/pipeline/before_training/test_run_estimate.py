"""What a training takes is told before a long one, and not far from what it does take."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from tests.project import ROOT
from tests.tiny_models import images
from torch.utils.flop_counter import FlopCounterMode

from snowmelt.common.yaml_files import read_yaml
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.pipeline.before_training import run_estimate
from snowmelt.pipeline.before_training.network_cost import NetworkCost, cost_of
from snowmelt.pipeline.before_training.run_estimate import size, whole_minutes
from snowmelt.training.checkpoint import build_denoiser
from snowmelt.training.settings import FitSettings

UNET = {
    "_target_": "snowmelt.nets.UNet",
    "widths": [8, 16],
    "blocks": 1,
    "attention": [False, True],
    "embedding": 8,
}
PARTS = {
    "schedule": "schedules.Cosine",
    "process": "processes.VariancePreserving",
    "prediction": "predictions.V",
    "loss": "losses.Simple",
    "time_sampling": "time_sampling.LowDiscrepancy",
}
SHAPE = (1, 16, 16)


def settings_of(**sections: Any) -> FitSettings:
    parts = {name: {"_target_": f"snowmelt.{part}"} for name, part in PARTS.items()}
    return FitSettings.of(parts | {"net": UNET, "seed": 0} | sections)


@pytest.fixture
def data() -> Any:
    manifest: Manifest = replace(images(), shape=SHAPE)
    rows = np.zeros((64, *SHAPE), np.uint8)
    return SimpleNamespace(manifest=manifest, train=rows, train_labels=None, held_out=rows)


def cost(**net: Any) -> NetworkCost:
    return cost_of(settings_of(net=UNET | net).plain(), SHAPE)


def test_the_operations_are_those_of_torchs_own_count() -> None:
    """Which on a processor leaves attention out."""
    config = settings_of().plain()
    net = build_denoiser(config, SHAPE).net
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *SHAPE), torch.zeros(1))
    found = cost()
    assert found.operations - found.attention == counter.get_total_flops()
    assert found.parameters == sum(weight.numel() for weight in net.parameters())


def test_attention_grows_with_the_fourth_power_of_the_side() -> None:
    config = settings_of().plain()
    once, twice = cost_of(config, (1, 16, 16)), cost_of(config, (1, 32, 32))
    assert (once.places, twice.places) == (64, 256)
    assert twice.attention == 16 * once.attention
    # Two blocks at 8x8 on the way down and up, and one in the middle: 4 n^2 d each.
    assert once.attention % (4 * 64**2 * 16) == 0
    assert cost(attention=[False, False]).attention == 0


def test_what_is_kept_is_what_autograd_keeps() -> None:
    config = settings_of(net=UNET | {"attention": [False, False]}).plain()
    net = build_denoiser(config, SHAPE).net
    weights = {weight.untyped_storage().data_ptr() for weight in net.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        kept[value.untyped_storage().data_ptr()] = value
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        answer = net(torch.zeros(1, *SHAPE), torch.zeros(1))
    found = sum(
        value.untyped_storage().nbytes()
        for place, value in kept.items()
        if place not in weights
    )
    assert answer.requires_grad
    assert cost(attention=[False, False]).kept_bytes == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize("denoiser", [{"conditional": True}, {"self_conditioned": True}])
def test_every_kind_of_network_is_counted(denoiser: dict[str, bool]) -> None:
    config = settings_of(denoiser=denoiser).plain()
    assert cost_of(config, SHAPE, ("a", "b")).operations >= cost().operations


def test_a_short_training_is_told_nothing_and_not_tried(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_estimate, "cost_of", None)
    monkeypatch.setattr(run_estimate, "seconds_of_step", None)
    assert run_estimate.of_long(settings_of(), data) is None


def test_a_long_one_is_told_its_time_memory_and_disk(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def seconds(settings: FitSettings, _: object) -> float:
        tried.append(settings.training.batch_size)
        return 0.01 + 0.02 * settings.training.batch_size

    monkeypatch.setattr(run_estimate, "seconds_of_step", seconds)
    training = {"steps": 10_000_000, "batch_size": 64}
    found = run_estimate.of_long(settings_of(training=training), data)
    assert found is not None
    assert tried == [run_estimate.PROBED, 1]
    # What a step does once, such as that of the optimiser, is not done for each image.
    assert found.seconds == pytest.approx(0.01 + 0.02 * 64)
    first, second, *rest = found.lines()
    assert first.startswith("10,000,000 steps of 64 examples of 1x16x16; ")
    assert second.startswith("estimated: 149 days 7 h (1.3 s a step, of 3 timed here), ")
    assert second.endswith(" of disk")
    assert not rest


def test_one_by_the_clock_is_not_timed(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_estimate, "seconds_of_step", None)
    found = run_estimate.of_long(settings_of(training={"minutes": 600}), data)
    assert found is not None
    assert "timed" not in "".join(found.lines())
    assert run_estimate.of_long(settings_of(training={"minutes": 10}), data) is None


@pytest.mark.parametrize(
    ("trainer", "batch_size", "seconds"),
    [
        ({}, 1, 0.3),
        ({}, 8, 0.1 + 8 * 0.2),
        ({"processes": 2}, 64, 2 * 0.1 + 64 * 0.2),
        ({"accumulate": 4}, 64, 0.1 + 64 * 0.2),
        ({"accumulate": 16}, 64, 0.1 + 64 * 0.2),
    ],
)
def test_a_step_takes_what_it_does_once_and_for_each_image(
    trainer: dict[str, int],
    batch_size: int,
    seconds: float,
    data: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exact(settings: FitSettings, _: object) -> float:
        return 0.1 + 0.2 * settings.training.batch_size

    monkeypatch.setattr(run_estimate, "seconds_of_step", exact)
    settings = settings_of(trainer=trainer, training={"batch_size": batch_size})
    assert run_estimate.timed(settings, data) == pytest.approx(seconds)


def test_a_noisy_timing_takes_no_part_for_less_than_nothing(
    data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(training={"batch_size": 64})
    for of_one, seconds in ((0.01, 6.4), (2.0, 1.6)):
        times = {1: of_one, run_estimate.PROBED: 1.6}
        monkeypatch.setattr(
            run_estimate,
            "seconds_of_step",
            lambda settings, _, times=times: times[settings.training.batch_size],
        )
        assert run_estimate.timed(settings, data) == pytest.approx(seconds)


def test_a_step_is_timed_with_lightning(data: Any) -> None:
    assert 0 < run_estimate.timed(settings_of(training={"batch_size": 4}), data) < 60


def estimate(of: NetworkCost, **sections: Any) -> run_estimate.Estimate:
    settings = settings_of(**sections)
    memory, disk = run_estimate.memory_of(settings, of), run_estimate.disk_of(settings, of)
    return run_estimate.Estimate(settings, SHAPE, of, 1.0, memory, disk)


def test_much_attention_is_told_with_what_to_do() -> None:
    much = NetworkCost(1000, 100, 60, 4096, 10)
    last = list(estimate(much).lines())[-1]
    assert "attention between 4,096 places takes 60% of the operations" in last
    assert "net.patch=2" in last
    assert len(list(estimate(replace(much, attention=10)).lines())) == 2


def test_less_memory_than_that_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    large = NetworkCost(1000, 100, 0, 0, 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=32e9))
    (said,) = run_estimate.shortages(estimate(large), tmp_path)
    assert "more memory than the 32 GB of this machine: trainer.accumulate=2" in said
    assert said.endswith(" takes each batch in parts, and is the same training")
    parts = estimate(large, trainer={"accumulate": 4})
    assert not list(run_estimate.shortages(parts, tmp_path))
    # The masks of dropout are drawn for each part.
    (said,) = run_estimate.shortages(estimate(large, net=UNET | {"dropout": 0.1}), tmp_path)
    assert said.endswith("trainer.accumulate=2 takes each batch in parts")
    (said,) = run_estimate.shortages(estimate(large, training={"batch_size": 39}), tmp_path)
    assert "trainer.accumulate=3 takes" in said
    whole = estimate(replace(large, kept_bytes=10**11), training={"batch_size": 1})
    (said,) = run_estimate.shortages(whole, tmp_path)
    assert said.endswith("lower training.batch_size (1), or choose a smaller net")


def test_less_room_than_that_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """40 bytes a weight: two sets in the checkpoint, and in each of two states these and
    the optimiser's two."""
    one = NetworkCost(10**6, 1, 0, 0, 0, optimizer=2 * 10**6)
    for free, count in ((40e6, 1), (40e6 + 1, 0)):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        said = list(run_estimate.shortages(estimate(one), tmp_path))
        named = f"more room than the 40 MB that are free in {tmp_path}"
        assert [named in line for line in said] == [True] * count


def test_processes_and_parts_share_what_is_kept() -> None:
    one = NetworkCost(0, 1, 0, 0, 10**6)
    whole = estimate(one).memory - run_estimate.LIBRARIES
    for trainer in ({"processes": 2}, {"accumulate": 2}):
        share = estimate(one, trainer=trainer).memory - run_estimate.LIBRARIES
        assert share == pytest.approx(whole / 2)


@pytest.mark.parametrize(("is_gpu", "share"), [(False, 0.6), (True, 0.8)])
def test_bfloat16_keeps_less_than_float32(
    is_gpu: bool, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_gpu)
    one = NetworkCost(0, 1, 0, 0, 10**6)
    kept = [
        estimate(one, trainer={"accelerator": "auto", "precision": precision}).memory
        - run_estimate.LIBRARIES
        for precision in ("32-true", "bf16-mixed")
    ]
    assert kept[1] == pytest.approx(share * kept[0])


def test_what_a_gpu_kept_is_what_is_counted() -> None:
    """512 images with `unet_base` took 18.1 GB of an H200 beside the weights."""
    net = read_yaml(ROOT / "conf" / "net" / "unet_base.yaml")
    found = cost_of(settings_of(net=net).plain(), (3, 32, 32))
    expected = 512 * found.kept_bytes * run_estimate.HALF_ON_GPU
    assert expected == pytest.approx(18.1e9, rel=0.05)


@pytest.mark.parametrize(("name", "sets"), [("AdamW", 2), ("Muon", 1), ("SOAP", 2)])
def test_what_the_optimiser_keeps_is_counted(name: str, sets: int) -> None:
    settings = settings_of(optimizer={"_target_": f"snowmelt.optimizers.{name}"})
    found = cost_of(settings.plain(), SHAPE)
    assert found.optimizer >= sets * found.parameters * 0.9
    assert (found.optimizer > 2 * found.parameters) == (name == "SOAP")
    without = replace(found, optimizer=0)
    memory = run_estimate.memory_of(settings, found)
    assert memory - run_estimate.memory_of(settings, without) == 4 * found.optimizer
    disk = run_estimate.disk_of(settings, found)  # two saved states have it
    assert disk - run_estimate.disk_of(settings, without) == 8 * found.optimizer


def test_averages_and_snapshots_take_room() -> None:
    one = NetworkCost(10**6, 1, 0, 0, 0)
    plain = estimate(one).disk
    more = estimate(one, training={"ema": {"further": [0.9], "snapshots": 2}}).disk
    # A further average and the two of power-function profile, and four snapshots, in the
    # checkpoint and in two saved states.
    assert more - plain == 3 * (3 + 4) * 4e6


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "1 min"), (600, "10 min"), (9600, "2 h 40 min"), (90_000, "1 day 1 h")],
)
def test_a_duration_in_words(seconds: float, said: str) -> None:
    assert whole_minutes(seconds) == said


def test_a_size_in_words() -> None:
    assert (size(1.62e9), size(62e6)) == ("1.6 GB", "62 MB")
