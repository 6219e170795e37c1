"""Several averages, and lengths that are chosen after the training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tests.tiny_models import points
from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.training.averages import Averages
from snowmelt.training.budget import Steps
from snowmelt.training.checkpoint import Checkpoint, load, save
from snowmelt.training.ema import PowerEMA
from snowmelt.training.module import DiffusionModule
from snowmelt.training.resume import Resume
from snowmelt.training.settings import EMASettings, TrainingSettings
from snowmelt.training.weight_sets import names
from snowmelt.training.weight_sets.power_average import LONGEST, combination, exponent
from snowmelt.training.weight_sets.snapshots import posthoc

Make = Callable[..., DiffusionModule]
Fit = Callable[..., pl.Trainer]
LENGTHS = [0.01, 0.05, 0.1, 0.2, 0.28]


@pytest.mark.parametrize("sigma_rel", LENGTHS)
def test_the_exponent_is_that_of_the_length(sigma_rel: float) -> None:
    gamma = exponent(sigma_rel)
    assert gamma > 0
    squared = (gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))
    assert math.sqrt(squared) == pytest.approx(sigma_rel, rel=1e-9)


def test_the_numbers_of_the_paper() -> None:
    """Karras et al. (2024), section 3.1: 5 % and 10 % of the training."""
    assert exponent(0.05) == pytest.approx(16.97, abs=0.01)
    assert exponent(0.10) == pytest.approx(6.94, abs=0.01)
    assert exponent(LONGEST) == pytest.approx(0.0, abs=1e-6)


class One(nn.Module):
    """A single weight, in float64, and a count."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value], dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))


def path(steps: int) -> list[float]:
    """A known way of a weight: a slow change, and noise from step to step."""
    noise = np.random.default_rng(0).normal(size=steps)
    return [math.sin(3 * k / steps) + 0.3 * noise[k] for k in range(steps)]


def averaged(weights: list[float], sigma_rel: float) -> float:
    """The average by its profile, summed directly."""
    gamma, count = exponent(sigma_rel), len(weights)
    edges = (np.arange(count + 1) / count) ** (gamma + 1)
    return float(np.diff(edges) @ weights)


@pytest.mark.parametrize("sigma_rel", LENGTHS)
def test_an_average_has_its_profile(sigma_rel: float) -> None:
    net = One(1e9)  # whose first weights leave no trace
    average = PowerEMA(net, sigma_rel)
    for step, value in enumerate(path(400), start=1):
        net.weight.data.fill_(value)
        average.update(net, step - 1, step)
    expected = averaged(path(400), sigma_rel)
    assert float(average.net.weight) == pytest.approx(expected, rel=1e-10)


def kept(count: int, steps: int = 1000, **settings: Any) -> Averages:
    """What a training along the known way keeps."""
    net = One(1e9)
    averages = Averages(net, EMASettings.of({"snapshots": count, **settings}))
    budget = Steps(TrainingSettings.of({"steps": steps}))
    for step, value in enumerate(path(steps), start=1):
        net.weight.data.fill_(value)
        net.count.fill_(step)
        budget.took(step, 0.0)
        averages.update(net, budget)
    return averages


def test_snapshots_are_taken_at_equal_parts_and_at_the_end() -> None:
    for steps in (1000, 999):
        places = [one["place"] for one in kept(8, steps).snapshots]
        assert places == [math.ceil(steps * (k // 2 + 1) / 8) for k in range(16)]
    assert kept(0).snapshots == []
    assert not list(kept(0).parameters())


@pytest.mark.parametrize(("sigma_rel", "miss"), [(0.03, 0.05), (0.07, 0.01), (0.15, 0.01)])
def test_a_length_that_was_not_averaged_is_nearly_made_of_snapshots(
    sigma_rel: float, miss: float
) -> None:
    found = posthoc(kept(32).snapshots, sigma_rel)
    assert float(found["weight"]) == pytest.approx(
        averaged(path(1000), sigma_rel), abs=miss
    )
    assert int(found["count"]) == 1000


@pytest.mark.parametrize("sigma_rel", [0.05, 0.1])
def test_a_length_that_was_averaged_is_its_last_snapshot(sigma_rel: float) -> None:
    averages = kept(8)
    found = posthoc(averages.snapshots, sigma_rel)["weight"]
    last = [one for one in averages.snapshots if one["sigma_rel"] == sigma_rel][-1]
    torch.testing.assert_close(found, last["weights"]["weight"], rtol=1e-7, atol=1e-7)


def test_the_combination_is_that_of_least_squares() -> None:
    """Against the profiles themselves, at a million places."""
    snapshots = [(length, place) for place in (0.25, 0.5, 1.0) for length in (0.05, 0.1)]
    tau = (np.arange(1_000_000) + 0.5) / 1_000_000

    def profile(length: float, place: float) -> np.ndarray:
        gamma = exponent(length)
        return np.where(tau < place, (gamma + 1) * tau**gamma / place ** (gamma + 1), 0.0)

    columns = np.stack([profile(*one) for one in snapshots], axis=1)
    expected = np.linalg.lstsq(columns, profile(0.15, 1.0), rcond=None)[0]
    assert combination(snapshots, (0.15, 1.0)) == pytest.approx(expected, abs=1e-3)


def test_a_killed_run_ends_in_the_same_averages(
    tmp_path: Path, make_module: Make, fit: Fit
) -> None:
    ema = {"decay": 0.9, "further": [0.5, 0.99], "snapshots": 4}
    straight = make_module(ema=ema, dropout=0.5)
    fit(straight)
    saved = Resume(tmp_path / "state", every=7)
    fit(make_module(ema=ema, dropout=0.5), saved)
    resumed = make_module(ema=ema, dropout=0.5)
    assert fit(resumed, saved=saved.path).global_step == 12
    assert torch.load(saved.path, weights_only=True)["global_step"] == 7
    for name, value in straight.state_dict().items():
        if "mean_" not in name:
            assert torch.equal(resumed.state_dict()[name], value), name
    both = zip(straight.averages.snapshots, resumed.averages.snapshots, strict=True)
    for mine, theirs in both:
        assert (mine["sigma_rel"], mine["place"]) == (theirs["sigma_rel"], theirs["place"])
        for name, value in mine["weights"].items():
            assert torch.equal(theirs["weights"][name], value), name
    decays = [straight.ema, *straight.averages.further]
    assert not torch.equal(decays[1].net.last.weight, decays[2].net.last.weight)


@pytest.fixture
def checkpoint(make_module: Make, fit: Fit) -> Checkpoint:
    ema = {"decay": 0.9, "warmup_power": 1.0, "further": [0.5, 0.99], "snapshots": 4}
    module = make_module(ema=ema)
    fit(module)
    net = {"_target_": "snowmelt.nets.MLP", "width": 8, "blocks": 1, "embedding": 4}
    config = {
        "schedule": {"_target_": "snowmelt.schedules.Cosine"},
        "process": {"_target_": "snowmelt.processes.VariancePreserving"},
        "prediction": {"_target_": "snowmelt.predictions.Eps"},
        "net": net,
    }
    return Checkpoint(
        "i", 12, config, points(), module.denoiser.net.state_dict(),
        module.ema.net.state_dict(), further=module.averages.by_decay(),
        snapshots=module.averages.snapshots,
    )  # fmt: skip


def test_sampling_chooses_among_them(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save(tmp_path / "model.ckpt", checkpoint)
    found = load(tmp_path / "model.ckpt")
    wanted = (
        "ema",
        "raw",
        "ema_0.5",
        "ema_0.99",
        "ema_0.990",
        "posthoc_0.05",
        "posthoc_0.2",
    )
    chosen = {name: found.denoiser(name).net.last.weight for name in wanted}
    assert torch.equal(chosen["ema_0.5"], checkpoint.further["0.5"]["last.weight"])
    assert torch.equal(chosen["ema_0.99"], chosen["ema_0.990"])
    last = checkpoint.snapshots[-2]
    assert last["sigma_rel"] == 0.05
    torch.testing.assert_close(chosen["posthoc_0.05"], last["weights"]["last.weight"])
    different = [chosen[name] for name in wanted if name != "ema_0.990"]
    for k, one in enumerate(different):
        assert not any(torch.equal(one, other) for other in different[k + 1 :])


def test_weights_that_are_not_there_are_named_beside_those_that_are(
    checkpoint: Checkpoint,
) -> None:
    there = r"there are ema, raw, ema_0\.5, ema_0\.99, posthoc_\.\.\.$"
    with pytest.raises(UserError, match=rf"weights=ema_0\.7: .*no such weights.*; {there}"):
        checkpoint.denoiser("ema_0.7")
    without = replace(checkpoint, snapshots=[])
    with pytest.raises(UserError, match=r"kept no snapshots .*training\.ema\.snapshots=16"):
        without.denoiser("posthoc_0.05")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(further=[1]),
        lambda content: content.update(further={"0.5": [1]}),
        lambda content: content.update(snapshots={}),
        lambda content: content["snapshots"].append({"place": 1.0}),
        lambda content: content["snapshots"][0].update(place=-1.0),
        lambda content: content["snapshots"][0].update(sigma_rel=0.5),
        lambda content: content["snapshots"][0]["weights"].popitem(),
    ],
)
def test_averages_of_another_kind_are_one_clear_line(
    tmp_path: Path, checkpoint: Checkpoint, change: Callable[[dict[str, Any]], Any]
) -> None:
    file = tmp_path / "model.ckpt"
    save(file, checkpoint)
    content = torch.load(file, weights_only=True)
    change(content)
    torch.save(content, file)
    with pytest.raises(UserError, match="is not a checkpoint of snowmelt: "):
        load(file)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ema", "averaged"),
        ("raw", "raw"),
        ("ema_0.999", "averaged (decay 0.999)"),
        ("posthoc_0.05", "averaged (post hoc, length 0.05)"),
        ("other", ""),
    ],
)
def test_a_name_is_said_in_words(name: str, said: str) -> None:
    assert names.said(name) == said
    assert names.is_name(name) == (said != "")


@pytest.mark.parametrize(
    ("decay", "digits"),
    [
        (0.999, "0.999"),
        (0.9999999, "0.9999999"),
        (0.00001, "0.00001"),
        (0.5, "0.5"),
        (0.0, "0"),
    ],
)
def test_a_decay_is_written_in_all_its_digits(decay: float, digits: str) -> None:
    assert names.of_decay(decay) == digits
    assert names.decay_in(f"ema_{digits}") == decay
    assert names.said(f"ema_{digits}") == f"averaged (decay {digits})"
    averages = Averages(One(), EMASettings.of({"further": [decay]}))
    assert list(averages.by_decay()) == [digits]


def test_decays_near_their_ends_are_sampled_from(checkpoint: Checkpoint) -> None:
    ends = {"0.00001": {}, "0.9999999": {}}
    found = replace(checkpoint, further=ends)
    for digits, weights in ends.items():
        assert found.chosen(f"ema_{digits}") is weights


def test_equal_decays_are_refused() -> None:
    with pytest.raises(UserError, match=r"training\.ema\.further must be different decays"):
        EMASettings.of({"further": [0.9, 0.90000001]})
    with pytest.raises(
        UserError, match=r"training\.ema\.tracked must be different lengths"
    ):
        EMASettings.of({"tracked": [0.05, 0.05]})
