"""What this machine does not have is refused before stage 1."""

from __future__ import annotations

import shutil
import urllib.error
from pathlib import Path
from typing import get_args

import pytest
import torch
from lightning_fabric.connector import _PRECISION_INPUT_STR
from omegaconf import DictConfig
from pytorch_lightning.accelerators import AcceleratorRegistry

from snowmelt.common.errors import UserError
from snowmelt.evaluation.features.inception_weights import DOWNLOADS, URL_INCEPTION_V3
from snowmelt.pipeline import this_machine
from snowmelt.pipeline.config import composition
from snowmelt.training.settings import Accelerator, Precision
from tests.conftest import Mistake
from tests.project import ROOT, TINY

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("trainer.accelerator=gpu", marks=WITHOUT_GPU),
        pytest.param("trainer.accelerator=cuda", marks=WITHOUT_GPU),
        pytest.param("sample.device=cuda", marks=WITHOUT_GPU),
        "sample.device=cuda:99",
    ],
)
def test_what_is_not_here_is_named(text: str) -> None:
    config = composition.compose(ROOT, [text], is_checked=False)
    with pytest.raises(UserError, match=text.partition("=")[0]) as caught:
        this_machine.check(config, ROOT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("jobs", [1, 2])
def test_pairs_that_are_not_there_are_refused_before_stage_1(
    tmp_path: Path, jobs: int
) -> None:
    def config(samples: Path) -> DictConfig:
        given = ["experiment=moons_to_eight", "coupling=paired"]
        chosen = [*given, f"coupling.samples={samples}"]
        return composition.compose(ROOT, chosen, is_checked=False)

    whole, gone, empty = (tmp_path / name for name in ("whole", "gone", "empty"))
    for folder in (whole, empty):
        folder.mkdir()
    for name in ("samples.npy", "samples.json"):
        (whole / name).touch()
    there = [config(whole)]
    this_machine.check_jobs(there, ROOT)
    for folder, said in ((gone, "is no folder"), (empty, r"holds no samples\.npy")):
        configs = [*there, config(folder)][-jobs:]
        with pytest.raises(UserError, match=rf"^coupling\.samples: {folder} {said}: name"):
            this_machine.check_jobs(configs, ROOT)


@pytest.mark.parametrize("extra", [(), ("-m", "seed=0,1"), ("-m", "data.size=16,32")])
def test_a_misspelt_folder_of_images_leaves_no_run_behind(
    workspace: Path, mistake: Mistake, extra: tuple[str, ...]
) -> None:
    (workspace / "photos").mkdir()
    mine = ("data=folder", "data.path=fotos", "features=random_conv", "tracking=none")
    said = mistake("pipeline", *extra, *mine, "out=run", cwd=workspace)
    place = workspace / "fotos"
    assert f"data.path: {place} does not exist (did you mean 'photos'?)" in said
    assert not (workspace / "run").exists()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and nothing in the cache of torch's hub."""

    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("extra", [(), ("-m", "seed=0,1")])
def test_inception_weights_are_looked_for_before_stage_1(
    workspace: Path, mistake: Mistake, extra: tuple[str, ...]
) -> None:
    inception = (*TINY, "tracking=none", "features=inception")
    said = mistake("pipeline", *extra, *inception, cwd=workspace)
    for part in (URL_INCEPTION_V3, str(workspace / DOWNLOADS), "features.weights=PATH"):
        assert part in said
    named = (*inception, "features.weights=gone.pth")
    said = mistake("pipeline", *extra, *named, cwd=workspace)
    assert f"features.weights: there is no file {workspace / 'gone.pth'}" in said
    assert not (workspace / "data" / "prepared").exists()
    assert not (workspace / "outputs").exists()


@pytest.mark.usefixtures("offline")
def test_under_dvc_they_are_looked_for_when_it_composes(
    workspace: Path, mistake: Mistake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "dvc.yaml", workspace)
    monkeypatch.setenv("DVC_STAGE", "compose")
    said = mistake("compose", "features=inception", "tracking=none", cwd=workspace)
    assert URL_INCEPTION_V3 in said
    assert not (workspace / "outputs").exists()


@pytest.mark.usefixtures("offline")
def test_other_features_need_no_file() -> None:
    this_machine.find_files(composition.compose(ROOT, is_checked=False), ROOT)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["trainer.processes=3"], "training.batch_size=64 cannot be shared by 3 processes"),
        (["trainer.accumulate=5"], "training.batch_size=64 cannot be shared"),
        (["experiment=points", "data=two_moons", "training.flip=true"], "holds points"),
    ],
)
def test_batches_are_looked_at_before_stage_1(given: list[str], said: str) -> None:
    config = composition.compose(ROOT, [*given, "trainer.accelerator=cpu"])
    with pytest.raises(UserError, match=said):
        this_machine.check(config, ROOT)


def test_what_is_here_passes() -> None:
    this_machine.check(composition.compose(ROOT, is_checked=False), ROOT)


def test_the_choices_are_among_lightnings() -> None:
    assert set(get_args(Precision)) <= set(get_args(_PRECISION_INPUT_STR))
    known = {*AcceleratorRegistry.available_accelerators(), "auto", "gpu"}
    assert set(get_args(Accelerator)) <= known
