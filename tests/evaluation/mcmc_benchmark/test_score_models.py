"""Scores: the exact one, and that of a checkpoint in its own units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import plain
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.densities import DoubleGaussian, Gaussian
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.evaluation.mcmc_benchmark.score_models import exact, learned
from snowmelt.pipeline.config import composition
from snowmelt.pipeline.stages import prepare
from snowmelt.training import checkpoint
from snowmelt.training.checkpoint import Checkpoint, build_denoiser

ROOT = Path(__file__).parents[3]
FEW = ("data.count=200", "data.held_out_count=100", "tracking=none")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A checkpoint of two heaps, with weights that were never trained."""
    given = ["experiment=double_gaussian", *FEW, f"paths.root={tmp_path}"]
    config = composition.compose(ROOT, given)
    prepare.run(config, ROOT)
    manifest = PreparedData.open(tmp_path / "data" / "prepared").manifest
    settled = {k: plain(config[k]) for k in ("schedule", "process", "prediction", "net")}
    settled["training"] = {"batch_size": 512}
    weights = build_denoiser(settled, manifest.shape).net.state_dict()
    file = tmp_path / "model.ckpt"
    checkpoint.save(file, Checkpoint("x", 25, settled, manifest, weights, weights))
    return file


def test_exact() -> None:
    density = DoubleGaussian(size=4)
    process = VariancePreserving(Cosine())
    found = exact(density, process)
    assert (found.name, found.training, found.std) == ("exact", 0, 1.0)
    assert torch.equal(found.mean, torch.zeros(4).double())
    assert found.denoiser.process is process


def test_learned(trained: Path) -> None:
    found = learned(DoubleGaussian(), trained)
    manifest = checkpoint.load(trained).manifest
    assert found.name == "learned"
    assert found.training == 25 * 512
    assert found.std == manifest.std != 1.0
    assert found.mean.numpy() == pytest.approx(np.asarray(manifest.mean))


def test_other_data_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another density"):
        learned(DoubleGaussian(distance=1.7), trained)
    with pytest.raises(UserError, match="another density"):
        learned(Gaussian([0.0, 0.0], std=1.0), trained)
    with pytest.raises(UserError, match="points of 3 elements"):
        learned(DoubleGaussian(size=3), trained)
    with pytest.raises(UserError, match="missing"):
        learned(DoubleGaussian(), tmp_path / "none.ckpt")
