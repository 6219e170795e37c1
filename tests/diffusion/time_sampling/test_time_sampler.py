"""Laws of every rule under conf/time_sampling/."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.diffusion.time_sampling.rules import PROCESS, drawn, many

from snowmelt.common.instantiate import build
from snowmelt.diffusion.time_sampling import TimeSampler

FILES = sorted((Path(__file__).parents[3] / "conf" / "time_sampling").glob("*.yaml"))
every_rule = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def built(file: Path) -> TimeSampler:
    return build(OmegaConf.load(file), TimeSampler)


@every_rule
def test_one_time_and_one_weight_an_example(file: Path) -> None:
    times, weights = drawn(built(file), 16)
    assert times.shape == weights.shape == (16,)
    assert (times.dtype, weights.dtype) == (torch.float64, torch.float32)
    assert ((times >= 0) & (times <= 1)).all()
    assert torch.equal(weights, torch.ones(16))


@every_rule
def test_processes_cut_one_common_batch(file: Path) -> None:
    whole, rule = drawn(built(file), 12, step=5)[0], built(file)
    for size in (1, 3, 4, 6):
        parts = [
            rule(slot, 12, seed=3, step=5, process=PROCESS)[0]
            for slot in torch.arange(12).split(size)
        ]
        assert torch.equal(torch.cat(parts), whole)


@every_rule
def test_seed_and_step_alone_decide(file: Path) -> None:
    rule = built(file)
    first = drawn(rule, step=2)[0]
    state = torch.get_rng_state()
    drawn(rule, step=9)
    assert torch.equal(drawn(built(file), step=2)[0], first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(drawn(rule, step=3)[0], first)
    assert not torch.equal(drawn(rule, step=2, seed=4)[0], first)


@every_rule
def test_the_mean_of_a_loss_is_that_of_uniform_times(file: Path) -> None:
    if file.stem == "log_normal":
        return  # its density is a part of the loss
    times = many(built(file), 64, 200)
    for power in (1, 2, 5):
        mean = float((times**power).mean())
        assert mean == pytest.approx(1 / (power + 1), abs=5e-3)
