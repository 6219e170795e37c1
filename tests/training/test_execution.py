"""A training computes as it was asked to, and the process is as before when it is over."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine, NoiseSchedule
from snowmelt.nets.mlp import MLP
from snowmelt.training import execution
from snowmelt.training.execution import (
    compile_network,
    compiled_where_possible,
    computing,
)
from snowmelt.training.settings import FitSettings, TrainerSettings


def state() -> tuple[Any, ...]:
    mkldnn: Any = torch.backends.mkldnn
    return (
        torch.get_num_threads(),
        mkldnn.conv.fp32_precision,
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )


def test_threads_and_numbers_are_as_asked_and_then_as_before() -> None:
    before = state()
    asked = TrainerSettings(threads=before[0] + 1, conv_precision="bf16")
    within = []
    with contextlib.suppress(ZeroDivisionError), computing(asked):
        within.append(state())
        raise ZeroDivisionError
    assert within == [(before[0] + 1, "bf16", False)]
    assert state() == before


def test_what_is_open_or_left_out_changes_nothing() -> None:
    before = state()
    for trainer in (TrainerSettings(), TrainerSettings(threads="auto", compile="auto")):
        with computing(trainer):
            assert state()[:2] == before[:2]


def denoiser_along(schedule: NoiseSchedule) -> Denoiser:
    net = MLP((2,), width=8, blocks=1, embedding=4)
    return Denoiser(net, VariancePreserving(schedule), V())


def test_a_compiled_network_keeps_the_names_of_its_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execution, "has_compiler", lambda: True)
    denoiser = denoiser_along(Cosine())
    names = list(denoiser.net.state_dict())
    compile_network(denoiser)
    assert denoiser.net._compiled_call_impl is not None
    assert list(denoiser.net.state_dict()) == names


@pytest.mark.parametrize(
    ("schedule", "compiler", "said"),
    [
        ("Cosine", "no-such-compiler", "there is no C++ compiler here (install g++"),
        ("Learned", "sh", "a learned schedule"),
    ],
)
def test_where_nothing_can_be_compiled_the_settings_say_so(
    schedule: str,
    compiler: str,
    said: str,
    settings_of: Callable[..., FitSettings],
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", compiler)
    part = {"_target_": f"snowmelt.schedules.{schedule}"}
    asked = settings_of(schedule=part, trainer={"compile": True})
    lines: list[str] = []
    settled = compiled_where_possible(asked, manifest, lines.append)
    assert settled == settings_of(schedule=part)
    (line,) = lines
    assert line.startswith(f"train: the network is not compiled: {said}")
    assert compiled_where_possible(settled, manifest, lines.append) is settled
    assert len(lines) == 1


def test_where_it_can_be_compiled_the_settings_stay(
    settings_of: Callable[..., FitSettings],
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "sh")
    asked = settings_of(trainer={"compile": True})
    assert compiled_where_possible(asked, manifest, pytest.fail) is asked


def test_what_cannot_be_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    denoiser = denoiser_along(Cosine())
    with pytest.raises(UserError, match=r"no C\+\+ compiler .* set trainer\.compile=false"):
        compile_network(denoiser)
    assert denoiser.net._compiled_call_impl is None
