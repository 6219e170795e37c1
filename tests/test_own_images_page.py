"""docs/own_images.md and the README against the experiments that they tell of."""

from __future__ import annotations

import re

import pytest
import torch

from snowmelt.common.instantiate import plain
from snowmelt.pipeline.before_training.network_cost import NetworkCost, cost_of
from snowmelt.pipeline.before_training.run_estimate import disk_of, memory_of
from snowmelt.pipeline.config.composition import compose
from snowmelt.training.settings import FitSettings
from tests.project import ROOT

PAGE = (ROOT / "docs/own_images.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(photos\w+)` \| ([\d.]+) \|(.*)\|$", re.MULTILINE)
TRAINED, IMAGES = 16_000, 20_000
RATE = 2e13  # operations a second of the GPU that the page takes for an example
rows = pytest.mark.parametrize(
    ("name", "weights", "rest"), ROW.findall(PAGE), ids=lambda text: text[:14]
)


def counted(name: str, *more: str) -> tuple[FitSettings, NetworkCost]:
    # The page is about GPUs that compute in bfloat16.
    precision = ["trainer.precision=bf16-mixed"] if name.endswith("_gpu") else []
    config = plain(compose(ROOT, [f"experiment={name}", *precision, *more]))
    settings, side = FitSettings.of(config), config["data"]["size"]
    return settings, cost_of(settings.plain(), (3, side, side))


def numbers(text: str) -> list[float]:
    return [float(one.replace(",", "")) for one in re.findall(r"\d[\d,.]*", text)]


def test_there_is_a_row_for_every_experiment() -> None:
    files = {path.stem for path in (ROOT / "conf/experiment").glob("photos*.yaml")}
    assert {name for name, *_ in ROW.findall(PAGE)} == files


@rows
def test_a_row_says_what_the_experiment_does(
    name: str, weights: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, cost = counted(name)
    gflop, batch, steps, passes, time, memory, disk = rest.split("|")
    training = settings.training
    assert float(weights) == pytest.approx(cost.parameters / 1e6, rel=0.005)
    assert numbers(gflop)[0] == pytest.approx(cost.operations / 1e9, rel=0.03)
    assert numbers(batch) == [training.batch_size]
    assert numbers(steps) == [training.steps]
    assert training.steps is not None
    seen = training.steps * training.batch_size
    assert numbers(passes)[0] == pytest.approx(seen / TRAINED)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: name.endswith("_gpu"))
    assert numbers(memory)[0] == pytest.approx(memory_of(settings, cost) / 1e9, rel=0.15)
    side = compose(ROOT, [f"experiment={name}"]).data.size
    room = disk_of(settings, cost) + IMAGES * 3 * side**2
    assert numbers(disk)[0] == pytest.approx(room / 1e9, abs=0.06)
    if name.endswith("_gpu"):
        hours = 3 * cost.operations * seen / RATE / 3600
        assert numbers(time) == pytest.approx([hours, 0.55 * hours], rel=0.04)


def test_the_readme_says_the_same() -> None:
    for name, _, rest in ROW.findall(PAGE):
        *_, memory, disk = (cell.strip() for cell in rest.split("|"))
        row = next(line for line in README.splitlines() if f"| `{name}` |" in line)
        assert row.endswith(f"| {memory} | {disk} |")


def test_what_attention_costs_is_counted() -> None:
    everywhere = counted("photos64_gpu", "net.attention=[true,true,true,true]")[1]
    as_it_stands = counted(
        "photos128_gpu",
        "net=unet_base",
        "net.patch=1",
    )[1]
    for cost in (everywhere, as_it_stands):
        assert f"{cost.operations / 1e9:.0f} GFLOP" in PAGE
        assert f"{cost.attention / cost.operations:.0%}".replace("%", " %") in PAGE
