"""The experiments for photographs of one's own: what each line of the table chooses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.project import ROOT

from snowmelt.pipeline.config.composition import compose

SIZES = (32, 64, 128)
NAMES = [f"photos{size}{gpu}" for size in SIZES for gpu in ("", "_gpu")]
PAGES = [ROOT / "README.md", ROOT / "docs/own_images.md"]


@pytest.mark.parametrize("name", NAMES)
def test_each_goes_with_its_size_in_colour_and_in_gray(name: str) -> None:
    """Composing refuses a network that cannot take the images."""
    size = int(re.findall(r"\d+", name)[0])
    for channels in ([], ["data.channels=1"]):
        settled = compose(ROOT, [f"experiment={name}", *channels])
        assert settled.data._target_ == "snowmelt.data.Folder"
        assert (settled.data.size, settled.data.channels) == (size, 1 if channels else 3)
        # Far from as few passes over some thousand images as would learn nothing.
        assert settled.training.steps * settled.training.batch_size > 1_000_000
    is_for_gpu = name.endswith("_gpu")
    assert settled.trainer.accelerator == ("gpu" if is_for_gpu else "cpu")
    assert settled.trainer.precision == ("bf16-on-gpu" if is_for_gpu else "32-true")


@pytest.mark.parametrize("size", SIZES)
def test_two_gpus_train_the_network_of_one_in_the_same_numbers(size: int) -> None:
    one = compose(ROOT, [f"experiment=photos{size}_gpu"])
    two = compose(ROOT, [f"experiment=photos{size}_gpu", "trainer=ddp"])
    assert (two.trainer.processes, two.trainer.precision) == (2, "bf16-on-gpu")
    assert one.trainer.precision == two.trainer.precision
    assert (two.net, two.training) == (one.net, one.training)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_name_every_experiment(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in NAMES)
