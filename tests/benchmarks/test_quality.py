"""The benchmark of quality trains by the clock, judges alike and tells what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snowmelt.pipeline.config.composition import compose
from tests.benchmarks.networks import SHAPE
from tests.benchmarks.quality import __main__ as quality
from tests.benchmarks.quality import choices
from tests.benchmarks.quality.judge import Judge, spread
from tests.benchmarks.quality.learning import DATA, Learning
from tests.benchmarks.quality.page import page
from tests.benchmarks.quality.peer import (
    POSSIBLE,
    Peer,
    batches,
    fastest,
    sampled,
    trained,
)
from tests.project import ROOT, last_of_each


def a_peer(rates: list[float]) -> Peer:
    """One weight, pulled to the mean of the images; its rates of learning are noted."""
    net = torch.nn.Linear(1, 1, bias=False)

    def rate(step: int, share: float) -> float:
        rates.append(share)
        return 1.0 - share

    def loss(images: torch.Tensor) -> torch.Tensor:
        return (net.weight - images.mean()).square().sum()

    return Peer(
        net=net,
        batch=4,
        accumulate=2,
        optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
        loss=loss,
        rate=rate,
        average=lambda: None,
        draw=lambda count: net.weight.detach() * torch.ones(count, *SHAPE),
    )


def test_a_peer_trains_by_the_clock_and_draws_levels() -> None:
    shares: list[float] = []
    peer = a_peer(shares)
    images = np.full((10, *SHAPE), 255, np.uint8)
    told = trained(peer, images, seconds=0.5, how="fp32")
    assert told["images"] == told["steps"] * 8
    assert told["numbers"] == "fp32"
    assert 0.5 <= told["seconds"] < 5
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.5 < shares[-1] < 1
    samples = sampled(peer, 3, how="fp32")
    assert samples.shape == (3, *SHAPE)
    assert samples.dtype == np.uint8
    assert samples.min() > 250  # of a weight that was pulled to one


def test_every_image_comes_once_before_one_comes_again() -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * 51
    source = batches(images, 2, seed=0)
    seen = torch.cat([next(source) for _ in range(6)]).flatten()
    for half in (seen[:6], seen[6:]):
        assert sorted(half.tolist()) == pytest.approx([-1, -0.6, -0.2, 0.2, 0.6, 1])


def test_a_peer_computes_in_what_is_fastest_for_it() -> None:
    images = np.zeros((10, *SHAPE), np.uint8)
    assert fastest(lambda: a_peer([]), images) in POSSIBLE


@pytest.fixture(scope="module")
def learning(tmp_path_factory: pytest.TempPathFactory) -> Learning:
    """Of the embedded digits, which are quick."""
    data = ["data=digits", "tracking=none", "features.steps=60"]
    data += ["features.independent_classifier.steps=60"]
    return Learning(tmp_path_factory.mktemp("quality") / "project", data)


def test_the_judge_knows_real_images_from_noise(learning: Learning) -> None:
    judge = Judge(learning.folder, count=100, floors=4)
    real = judge(np.array(judge.data.held_out[:100]))
    noise = judge(np.random.default_rng(0).integers(0, 16, (100, 1, 8, 8), np.uint8))
    assert real["distance"] < 3 * judge.floor["mean"]
    assert noise["distance"] > 10 * judge.floor["mean"]
    assert len(judge.floor["values"]) == 4
    assert noise["class_deviation"] > real["class_deviation"]
    with pytest.raises(ValueError, match="99 samples, the judge compares 100"):
        judge(np.array(judge.data.held_out[:99]))


def test_ours_is_trained_and_sampled_by_the_commands(learning: Learning) -> None:
    short = [
        "training.minutes=0.02",
        "net.widths=[8,16]",
        "sampler=ddim",
        "sampler.steps=2",
    ]
    told = learning.learned("tiny", 5, short)
    assert told["model"]["training_seconds"] >= 1.2
    assert told["samples"]["num_samples"] == 5
    assert told["sampling_seconds"] > 0
    assert learning.samples("tiny").shape == (5, 1, 8, 8)


def test_what_was_measured_is_kept(tmp_path: Path, learning: Learning) -> None:
    benchmark = quality.Benchmark(tmp_path, learning, minutes=1, samples=10)
    calls: list[int] = []

    def made() -> tuple[dict[str, Any], np.ndarray]:
        calls.append(1)
        return {"steps": 7}, np.array(benchmark.judge.data.held_out[:10])

    first, again = benchmark.kept("a", made), benchmark.kept("a", made)
    assert first == again
    assert first["steps"] == 7
    assert calls == [1]


@pytest.mark.parametrize("name", ["nothing", *choices.CHOICES, *choices.DRAWN])
def test_the_settings_of_ours_exist(name: str) -> None:
    changed = {**choices.CHOICES, **choices.DRAWN}.get(name, [])
    asked = last_of_each([*choices.ALONE, *changed])
    target = f"runs/{quality.folder_name(name)}-3m-1000-0"
    assert compose(ROOT, [*DATA, *asked, f"paths.model={target}"]).paths.model == target
    config = compose(ROOT, [*DATA, *asked, "training.minutes=3"])
    assert config.data.pad_to == 32
    unchanged = compose(ROOT, [*DATA, *choices.ALONE, "training.minutes=3"])
    assert (config == unchanged) == (name == "nothing")
    of_sampling = {"sampler", "guidance", "sample"}
    changed_sections = {key for key in config if config[key] != unchanged[key]}
    assert (changed_sections <= of_sampling) == (name in ("nothing", *choices.DRAWN))


def rows(*distances: float) -> list[dict[str, Any]]:
    told = {"steps": 1400, "images": 89_600, "evaluations": 50, "sampling_seconds": 9.0}
    return [told | {"distance": one, "recognised": 0.38} for one in distances]


def content(**tables: Any) -> dict[str, Any]:
    machine = {"processor": "a processor", "instruction_sets": ["avx2"], "cores": 2}
    return {
        "machine": machine | {"threads": 2, "torch": "2.14"},
        "minutes": 10.0,
        "samples": 2000,
        "floor": spread([1.0, 2.0]),
        "floor_recognised": 0.9,
        **tables,
    }


def test_the_page_tells_who_is_nearer() -> None:
    contest = {
        "lucidrains": rows(121.5),
        "diffusers": rows(241.5),
        "snowmelt": rows(4.5, 6.5),
        "snowmelt without classes": rows(9.5),
    }
    told = page(content(contest=contest))
    assert "as many held-out images are at 1.50 ± 0.71, 90% of them" in told
    assert (
        "| snowmelt | 2 | 1,400 | 89,600 | 50 evaluations, 9 s | 5.50 ± 1.41 | 4.00 | 38% |"
    ) in told
    assert (
        "the better peer's (lucidrains): snowmelt 1/30.0, snowmelt without classes 1/15.0."
    ) in told
    assert "better peer" not in page(content(contest={"snowmelt": rows(4.5)}))


def test_the_page_tells_what_a_choice_is_worth() -> None:
    told = page(content(choices={"nothing": rows(10.5, 12.5), "AdamW": rows(20.5, 22.5)}))
    assert "| nothing | 2 | 1,400 | 11.50 ± 1.41 | 1.00 | 38% |" in told
    # The deviations are 14.1 % and 7.1 % of 10 and 20, so 11.2 % pooled, of each mean.
    assert "| AdamW | 2 | 1,400 | 21.50 ± 1.41 | 2.00 ± 0.22 | 38% |" in told
    one = page(content(choices={"nothing": rows(11.5), "AdamW": rows(21.5)}))
    assert "| AdamW | 1 | 1,400 | 21.50 | 2.00 | 38% |" in one


def test_choices_are_measured_at_once_and_told_in_order(
    tmp_path: Path, learning: Learning, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = quality.Benchmark(tmp_path, learning, minutes=1, samples=10)
    monkeypatch.setattr(quality, "CHOICES", {"other": ["optimizer=soap"]})
    monkeypatch.setattr(quality, "DRAWN", {"raw": ["sample.weights=raw"]})
    told: list[list[str]] = []

    def ours(
        name: str, seed: int, asked: list[str], threads: int, of: str | None
    ) -> dict[str, Any]:
        assert threads == 1
        assert of == ("nothing" if "sample.weights=raw" in asked else None)
        return rows(seed + 10.0 * ("optimizer=soap" in asked))[0]

    monkeypatch.setattr(benchmark, "ours", ours)
    found = quality.choices(
        benchmark, seeds=2, jobs=2, tell=lambda one: told.append(list(one["choices"]))
    )["choices"]
    assert list(found) == ["nothing", "other", "raw"]
    assert [row["distance"] for row in found["nothing"]] == [0, 1]
    assert [row["distance"] for row in found["other"]] == [10, 11]
    assert told[0] == ["nothing"]
    assert len(told) == 6
    told.clear()
    few = quality.choices(benchmark, 1, 2, lambda one: told.append([]), undone=["raw"])
    assert list(few["choices"]) == ["nothing", "raw"]
    assert len(told) == 2


def test_spread() -> None:
    assert spread([1.0, 3.0]) == {
        "mean": 2.0,
        "deviation": pytest.approx(2**0.5),
        "values": [1.0, 3.0],
    }
    assert spread([1.0])["deviation"] is None
