"""Every network of conf/net/ in what uses one: checkpoints, samples, guidance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny_models
from tests.nets.test_net import FILES, is_served, reduced, shaken
from torch import Tensor

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.sampling.guidance import ClassifierFreeGuidance
from snowmelt.sampling.guidance.guidance import Conditioning, Draw
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.training.checkpoint import Checkpoint, build_denoiser, load, save

CLASSES = ("ash", "elm", "oak")
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def manifest_for(file: Path) -> Manifest:
    """Of data that the network is for; images of 8x8."""
    if is_served(file, (2,)):
        return tiny_models.points()
    return tiny_models.replace(tiny_models.images(), shape=(1, 8, 8))


def trained(file: Path, **asked: Any) -> tuple[dict[str, Any], Denoiser]:
    """The configuration of a denoiser, and one with weights that are not zero."""
    config = {
        "schedule": {"_target_": "snowmelt.schedules.Cosine"},
        "process": {"_target_": "snowmelt.processes.VariancePreserving"},
        "prediction": {"_target_": "snowmelt.predictions.V"},
        "net": reduced(file),
        "denoiser": asked,
        "training": {},
    }
    torch.manual_seed(0)
    denoiser = build_denoiser(config, manifest_for(file).shape, CLASSES)
    shaken(denoiser.net)  # type: ignore[arg-type]
    return config, denoiser.eval()


@every_file
@pytest.mark.parametrize("self_conditioned", [False, True])
def test_a_checkpoint_gives_the_same_answers(
    file: Path, self_conditioned: bool, tmp_path: Path
) -> None:
    config, denoiser = trained(file, self_conditioned=self_conditioned)
    manifest, weights = manifest_for(file), denoiser.net.state_dict()
    path = tmp_path / "model.ckpt"
    save(path, Checkpoint("i", 1, config, manifest, raw=weights, ema=weights))
    again = load(path).denoiser()
    x, t = torch.randn(2, *manifest.shape), torch.tensor([0.2, 0.9])
    assert again.self_conditioned == self_conditioned
    mine, loaded = denoiser.on_a_trajectory(), again.on_a_trajectory()
    for _ in range(2):
        assert torch.equal(loaded(x, t), mine(x, t))


@every_file
def test_guidance_extrapolates_from_the_null_class(file: Path) -> None:
    _, denoiser = trained(file, conditional=True)
    shape = manifest_for(file).shape
    conditioning = Conditioning(shape, CLASSES)

    def last(scale: float, index: Tensor) -> Tensor:
        """The estimates of one evaluation from noise, with classes 1, 1, 1."""
        guidance = ClassifierFreeGuidance("elm", scale)
        return guidance.draw(Draw(denoiser, DDIM(1), index, conditioning, seed=3))

    index = torch.arange(3)
    null, own, guided = (last(scale, index) for scale in (0.0, 1.0, 3.0))
    assert not torch.allclose(null, own, rtol=1e-3)
    torch.testing.assert_close(guided, null + 3.0 * (own - null), rtol=1e-3, atol=1e-4)


def in_batches(draw: Callable[[Tensor], Tensor], size: int) -> Tensor:
    return torch.cat([draw(part) for part in torch.arange(5).split(size)])


@every_file
def test_a_batch_changes_no_sample(file: Path) -> None:
    _, denoiser = trained(file, conditional=True)
    conditioning = Conditioning(manifest_for(file).shape, CLASSES)

    def draw(index: Tensor) -> Tensor:
        asked = Draw(denoiser, DDIM(3, eta=1.0), index, conditioning, seed=1)
        return ClassifierFreeGuidance().draw(asked)

    whole = draw(torch.arange(5))
    assert whole.isfinite().all()
    for size in (1, 3):
        torch.testing.assert_close(in_batches(draw, size), whole, rtol=1e-3, atol=1e-3)
