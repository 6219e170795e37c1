"""Samples are a function of their index: not of the batch, and not of the process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Mistake
from tests.project import TINY, make_workspace, snowmelt, succeed

SETTINGS = ("num_samples=40", "seed=3", "tracking=none")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a checkpoint."""
    folder = make_workspace(tmp_path_factory.mktemp("sampling") / "project")
    succeed(snowmelt("prepare", cwd=folder))
    succeed(snowmelt("train", *TINY, "tracking=none", cwd=folder))
    return folder


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_the_batch_size_changes_no_sample(trained: Path, sampler: str) -> None:
    drawn = []
    for batch in (1, 7, 40):
        out = f"{sampler}_{batch}"
        chosen = (f"sampler={sampler}", "sampler.steps=6", f"batch_size={batch}")
        checkpoint = "checkpoint=outputs/model/model.ckpt"
        command = ("sample", checkpoint, *SETTINGS, *chosen, f"out={out}")
        succeed(snowmelt(*command, cwd=trained))
        drawn.append(np.load(trained / out / "samples.npy"))
    np.testing.assert_array_equal(drawn[1], drawn[0])
    np.testing.assert_array_equal(drawn[2], drawn[0])


def test_another_seed_and_more_samples(trained: Path) -> None:
    """More samples begin with the same ones; another seed has none of them."""
    few = ("sample", "sampler.steps=4", "tracking=none", "num_samples=8")
    succeed(snowmelt(*few, "seed=0", "out=few", cwd=trained))
    succeed(snowmelt(*few[:3], "num_samples=12", "seed=0", "out=more", cwd=trained))
    succeed(snowmelt(*few, "seed=1", "out=other", cwd=trained))
    first = np.load(trained / "few/samples.npy")
    np.testing.assert_array_equal(np.load(trained / "more/samples.npy")[:8], first)
    other = np.load(trained / "other/samples.npy")
    assert all((a != b).any() for a, b in zip(first, other, strict=True))


def test_the_description_says_how(trained: Path) -> None:
    command = ("sample", *SETTINGS, "sampler.steps=4", "weights=raw", "out=described")
    succeed(snowmelt(*command, cwd=trained))
    described = json.loads((trained / "described/samples.json").read_text())
    assert described["checkpoint"]["weights"] == "raw"
    assert described["sampler"]["steps"] == 4
    assert described["num_samples"] == 40
    assert described["seed"] == 3
    assert len(described["digest"]) == 64


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("num_samples=0", "sample.num_samples"),
        ("batch_size=-1", "sample.batch_size"),
        ("weights=best", "sample.weights"),
        ("device=cuda:9", "sample.device"),
        ("sampler.steps=0", "steps"),
        ("sampler.eta=2", "eta"),
        ("checkpoint=nowhere.ckpt", "nowhere.ckpt"),
        ("checkpoint=params.yaml", "params.yaml"),
    ],
)
def test_a_mistake_is_named(
    trained: Path, mistake: Mistake, override: str, named: str
) -> None:
    command = ("sample", "tracking=none", override, "out=never")
    assert named in mistake(*command, cwd=trained)
    assert not (trained / "never").exists()


def test_a_folder_of_somebody_else_is_not_replaced(trained: Path, mistake: Mistake) -> None:
    mine = trained / "mine"
    mine.mkdir(exist_ok=True)
    (mine / "photo.txt").write_text("dear to me")
    command = ("sample", *SETTINGS, "sampler.steps=4", "out=mine")
    assert "samples.json" in mistake(*command, cwd=trained)
    assert (mine / "photo.txt").read_text() == "dear to me"
