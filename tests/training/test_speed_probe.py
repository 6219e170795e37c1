"""The probe takes what is faster, and leaves alone what was set."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.training import speed_probe
from snowmelt.training.settings import FitSettings, TrainerSettings
from snowmelt.training.speed_probe import fastest, named

Cost = Callable[[TrainerSettings], float]
ALL = dict.fromkeys(("precision", "conv_precision", "compile", "threads"), "auto")


@pytest.fixture
def data(manifest: Manifest, examples: np.ndarray) -> Any:
    return SimpleNamespace(
        manifest=manifest, train=examples, train_labels=None, held_out=examples
    )


@pytest.fixture
def probed(
    data: Any, monkeypatch: pytest.MonkeyPatch, settings_of: Callable[..., FitSettings]
) -> Callable[..., tuple[TrainerSettings, list[str]]]:
    """A function that probes a machine on which a step costs what another function says."""

    def probe(
        cost: Cost,
        cores: int | None = None,
        steps: int | None = 100_000,
        minutes: float | None = None,
        **trainer: Any,
    ) -> tuple[TrainerSettings, list[str]]:
        tried: list[str] = []

        def seconds(settings: FitSettings, _: Any) -> float:
            tried.append(named(settings.trainer))
            return cost(settings.trainer)

        monkeypatch.setattr(speed_probe, "seconds_of_step", seconds)
        monkeypatch.setattr(speed_probe, "why_not_compiled", lambda _: None)
        count = torch.get_num_threads() if cores is None else cores
        monkeypatch.setattr(speed_probe.psutil, "cpu_count", lambda logical: count)
        length = {"steps": steps, "minutes": minutes}
        settings = settings_of(training=length, trainer=ALL | trainer)
        return fastest(settings, data, lambda _: None), tried

    return probe


def test_the_fastest_is_taken(probed: Any) -> None:
    def cost(trainer: TrainerSettings) -> float:
        return 0.5 if trainer.precision == "bf16-mixed" else 1.0

    chosen, tried = probed(cost)
    assert chosen == TrainerSettings(precision="bf16-mixed")
    first = ["32-true", "32-true, convolutions in bf16", "bf16-mixed"]
    assert tried[:6] == first + first[::-1]
    once, compiled = "bf16-mixed", "bf16-mixed, compiled"
    # What a step takes is known by then: compiling may pay, and is tried.
    assert tried[6:] == [once, compiled, compiled, once]


def test_coarser_numbers_must_save_a_twentieth(probed: Any) -> None:
    def cost(trainer: TrainerSettings) -> float:
        return 0.97 if trainer.precision == "bf16-mixed" else 1.0

    assert probed(cost)[0] == TrainerSettings()


def test_one_slow_moment_decides_nothing(probed: Any) -> None:
    times = iter([9.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    chosen, _ = probed(lambda _: next(times, 1.0), compile=False)
    assert chosen == TrainerSettings()


def test_what_was_set_is_not_tried(probed: Any) -> None:
    settings = {"precision": "bf16-mixed", "compile": False, "threads": 3}
    chosen, tried = probed(lambda _: 1.0, **settings)
    assert tried == []
    assert chosen == TrainerSettings(**settings)


def test_fewer_threads_where_two_share_a_core(
    probed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost(trainer: TrainerSettings) -> float:
        return 0.8 if trainer.threads == 3 else 1.0

    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert probed(cost, cores=3)[0] == TrainerSettings(threads=3)
    assert probed(cost, cores=12)[0] == TrainerSettings()


@pytest.mark.parametrize(("steps", "is_tried"), [(1199, False), (1201, True)])
def test_compiling_is_tried_where_it_may_gain_what_it_costs(
    probed: Any, steps: int, is_tried: bool
) -> None:
    _, tried = probed(lambda _: 1.0, steps=steps)
    assert ("32-true, compiled" in tried) == is_tried


@pytest.mark.parametrize("length", [{"steps": 9}, {"steps": None, "minutes": 5.0}])
def test_the_steps_are_those_of_the_training(
    data: Any, settings_of: Callable[..., FitSettings], length: dict[str, Any]
) -> None:
    said: list[str] = []
    trainer = {"precision": "auto", "accelerator": "cpu"}
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    chosen = fastest(settings_of(training=length, trainer=trainer), data, said.append)
    assert chosen.precision in ("32-true", "bf16-mixed")
    assert [line.partition(":")[0] for line in said] == ["32-true", "bf16-mixed"]
    assert all(line.endswith(" examples/s") for line in said)
    torch.use_deterministic_algorithms(before[1])
    assert torch.get_num_threads() == before[0]


def test_a_training_of_minutes_is_compiled_where_it_is_long(probed: Any) -> None:
    def cost(trainer: TrainerSettings) -> float:
        return 0.5 if trainer.compile is True else 1.0

    assert probed(cost, steps=None, minutes=600.0)[0].compile is True
    assert probed(cost, steps=None, minutes=1.0)[0].compile is False
