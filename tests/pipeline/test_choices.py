"""Every name that a configuration can choose trains, or samples, on the embedded digits."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from snowmelt.pipeline.cli import main, run_stage
from snowmelt.pipeline.command_line import full_override
from snowmelt.pipeline.config import composition
from snowmelt.training.checkpoint import load
from tests.project import ROOT, last_of_each, make_workspace

GROUPS = composition.groups(ROOT)
SMALL = (
    "tracking=none",
    "net.widths=[8,16]",
    "net.embedding=16",
    "training.steps=2",
    "training.batch_size=16",
    "training.warmup_steps=1",
    "training.log_every=2",
    "training.picture_every=100",
    "sample.num_samples=4",
    "sample.batch_size=4",
)
ODE = ("sampler=ddim", "likelihood=none")
# What a choice needs beside it; all else is the default.
BESIDE = {
    "schedule=learned": ("loss=vlb",),
    "loss=hybrid": ("denoiser.learned_variance=true",),
    "sampler=ddpm_learned": ("loss=hybrid", "denoiser.learned_variance=true"),
    "guidance=classifier_free": ("denoiser.conditional=true",),
    "guidance=inversion": ("sampler=ddim",),
    "process=variance_exploding": ("schedule=geometric", "prediction=edm"),
    "coupling=optimal_transport": ODE,
    "coupling=sinkhorn": ODE,
    "coupling=class_wise": (*ODE, "denoiser.conditional=true"),
    "interpolant=constant": (*ODE, "threshold=none"),
    "interpolant=brownian_bridge": (*ODE, "denoiser.with_score=true"),
}
TRAINED = (
    *("schedule", "process", "prediction", "loss", "time_sampling", "optimizer"),
    *("coupling", "interpolant"),
)
SAMPLED = ("sampler", "grid", "threshold", "guidance")
PAIRS = "coupling=paired"  # which digits do not come in: `test_other_starts`
COLOUR_ONLY = "guidance=measurement_gray"


def choices(*groups: str) -> list[str]:
    return [f"{group}={name}" for group in groups for name in GROUPS[group]]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with prepared digits and the checkpoints of three kinds of training."""
    folder = make_workspace(tmp_path_factory.mktemp("choices") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("PROJECT_ROOT", raising=False)
        assert main(["prepare", *SMALL]) == 0
        yield folder


def run(command: str, *choice: str, out: Path) -> None:
    """As the command does it, but for a second look at which keys are places: a composition
    of its own, for each choice.
    """
    root = composition.project_root()
    typed = last_of_each([*SMALL, *choice, f"out={out}"])
    given = [full_override(command, text, root) for text in typed]
    settled = composition.compose(root, given, is_checked=command != "sample")
    run_stage(command, settled, root)


def trained(workspace: Path, *choice: str) -> Path:
    """The checkpoint of a training, which is run once."""
    folder = workspace / "runs" / ("_".join(choice).replace("=", "-") or "default")
    if not folder.exists():
        run("train", *choice, out=folder)
    return folder / "model.ckpt"


@pytest.mark.parametrize("choice", [c for c in choices(*TRAINED) if c != PAIRS])
def test_every_choice_trains(choice: str, workspace: Path) -> None:
    path = trained(workspace, choice, *BESIDE.get(choice, ()))
    checkpoint = load(path)
    assert checkpoint.step == 2
    assert all(weight.isfinite().all() for weight in checkpoint.raw.values())
    rows = (path.parent / "losses.csv").read_text().splitlines()
    assert math.isfinite(float(rows[-1].split(",")[1])), choice
    group, _, name = choice.partition("=")
    asked = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / group / f"{name}.yaml"))
    if isinstance(inner := asked.get("of"), str):  # named as its own file is
        inside = OmegaConf.load(ROOT / "conf" / group / f"{inner}.yaml")
        asked["of"] = OmegaConf.to_container(inside)
    assert checkpoint.config[group] == asked


@pytest.mark.parametrize("choice", [c for c in choices(*SAMPLED) if c != COLOUR_ONLY])
def test_every_choice_samples(choice: str, workspace: Path) -> None:
    beside = BESIDE.get(choice, ())
    training = [text for text in beside if not text.startswith("sampler=")]
    model = trained(workspace, *training)
    folder = workspace / "drawn" / choice.replace("=", "-")
    own = [text for text in beside if text.startswith("sampler=")]
    run("sample", "sampler.steps=16", choice, *own, f"checkpoint={model}", out=folder)
    samples = np.load(folder / "samples.npy", allow_pickle=False)
    assert samples.shape == (4, 1, 8, 8)
    assert samples.max() <= 16
    described = json.loads((folder / "samples.json").read_text())
    assert described["evaluations"] >= 3
    shutil.rmtree(folder)


def test_a_choice_for_colour_refuses_digits(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained(workspace)
    given = ["sample", *SMALL, COLOUR_ONLY, f"checkpoint={model}"]
    assert main([*given, f"out={workspace / 'drawn' / 'gray'}"]) == 2
    assert "needs colour" in capsys.readouterr().err
    assert not (workspace / "drawn" / "gray").exists()
