"""Networks, losses, optimisers, averages and extractors: the numbers of a processor."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import Loss
from snowmelt.diffusion.time_sampling import TimeSampler
from snowmelt.evaluation.features.vision_transformer import VisionTransformer
from snowmelt.nets.net import Net
from snowmelt.training.ema import EMA
from snowmelt.training.objective import Objective
from snowmelt.training.optimizers import Recipe, Trained
from tests.combinations import (
    Pair,
    every_prediction,
    every_process,
    prediction_of,
    process_of,
)
from tests.gpu.device import CPU, DEVICE, close
from tests.nets.test_net import built, every_net, shaken
from tests.project import ROOT


def files(group: str) -> Any:
    """Every file of a group of conf/."""
    found = sorted((ROOT / "conf" / group).glob("*.yaml"))
    return pytest.mark.parametrize("file", found, ids=lambda file: file.stem)


def gradients(net: nn.Module) -> list[Tensor]:
    return [weight.grad for weight in net.parameters() if weight.grad is not None]


def small_net(outputs: int = 1) -> Net:
    net = ROOT / "conf" / "net" / "unet_tiny.yaml"
    return shaken(built(net, (3, 16, 16), outputs=outputs))


@every_net
def test_a_network_has_the_answer_and_the_gradient(
    file: Path, shape: tuple[int, ...]
) -> None:
    here = shaken(built(file, shape, classes=3))
    there = copy.deepcopy(here).to(DEVICE)
    x, log_snr = torch.randn(4, *shape), torch.linspace(-9, 9, 4)
    labels = torch.tensor([0, -1, 2, 1])
    for net, device in ((here, CPU), (there, DEVICE)):
        answer = net(x.to(device), log_snr.to(device), labels.to(device))
        (answer / answer.detach().abs().max()).square().mean().backward()
    size = float(here(x, log_snr, labels).abs().max())
    close(
        there(x.to(DEVICE), log_snr.to(DEVICE), labels.to(DEVICE)) / size,
        here(x, log_snr, labels) / size,
    )
    for mine, theirs in zip(gradients(there), gradients(here), strict=True):
        close(mine, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()) + 1e-7)


@every_process
def test_a_process_has_its_scales_and_its_times(files: Pair) -> None:
    here = process_of(files)
    there = copy.deepcopy(here)
    if isinstance(there.schedule, nn.Module):
        there.schedule.to(DEVICE)
    t = torch.linspace(0.01, 0.99, 9, dtype=torch.float64)
    for name in ("alpha", "sigma", "log_snr", "log_snr_slope"):
        close(getattr(there, name)(t.to(DEVICE)), getattr(here, name)(t), rtol=1e-6)
    close(there.time(there.log_snr(t.to(DEVICE))), t, rtol=1e-6)
    assert there.prior_std() == pytest.approx(here.prior_std(), rel=1e-6)


def losses_on(
    device: torch.device, denoiser: Denoiser, loss: Loss, times: TimeSampler
) -> tuple[Tensor, list[Tensor]]:
    """The losses of a batch in a step, and the gradient of their mean."""
    denoiser = copy.deepcopy(denoiser).to(device)
    if isinstance(times, nn.Module):
        times = copy.deepcopy(times).to(device)
    slot = torch.arange(8, device=device)
    x_0, eps = torch.randn(2, 8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    t, weight = times(slot, 8, seed=0, step=5, process=denoiser.process)
    objective = Objective(denoiser, loss)
    losses = weight * objective.network_losses(x_0.to(device), t, eps.to(device))
    losses.mean().backward()
    return losses.detach(), gradients(denoiser.net)


def compare_losses(denoiser: Denoiser, loss: Loss, times: TimeSampler) -> None:
    here, there = (losses_on(device, denoiser, loss, times) for device in (CPU, DEVICE))
    close(there[0], here[0], rtol=1e-3, atol=1e-4 * float(here[0].abs().max()))
    for mine, theirs in zip(there[1], here[1], strict=True):
        close(mine, theirs, rtol=1e-2, atol=1e-3 * float(theirs.abs().max()) + 1e-7)


def part(group: str, name: str, kind: Any) -> Any:
    return build(OmegaConf.load(ROOT / "conf" / group / f"{name}.yaml"), kind)


COSINE = tuple(
    ROOT / "conf" / group / f"{name}.yaml"
    for group, name in (("process", "variance_preserving"), ("schedule", "cosine"))
)


@every_prediction
def test_a_prediction_has_its_losses(prediction: Path) -> None:
    denoiser = Denoiser(small_net(), process_of(COSINE), prediction_of(prediction))  # type: ignore[arg-type]
    times = part("time_sampling", "low_discrepancy", TimeSampler)
    compare_losses(denoiser, part("loss", "simple", Loss), times)


@files("loss")
def test_a_loss_has_its_values(file: Path) -> None:
    loss = build(OmegaConf.load(file), Loss, levels=256)
    learned = loss.needs_learned_variance
    v = prediction_of(ROOT / "conf" / "prediction" / "v.yaml")
    net = small_net(2 if learned else 1)
    denoiser = Denoiser(net, process_of(COSINE), v, learned_variance=learned)  # type: ignore[arg-type]
    compare_losses(denoiser, loss, part("time_sampling", "low_discrepancy", TimeSampler))


@files("time_sampling")
def test_a_rule_has_its_times(file: Path) -> None:
    v = prediction_of(ROOT / "conf" / "prediction" / "v.yaml")
    denoiser = Denoiser(small_net(), process_of(COSINE), v)  # type: ignore[arg-type]
    times = build(OmegaConf.load(file), TimeSampler)
    compare_losses(denoiser, part("loss", "simple", Loss), times)


@files("optimizer")
def test_an_optimizer_and_an_average_take_the_same_way(file: Path) -> None:
    """To the digits that Muon's products in bfloat16 leave."""
    recipe, found = build(OmegaConf.load(file), Recipe), []
    for device in (CPU, DEVICE):
        net = built(ROOT / "conf" / "net" / "unet_tiny.yaml", (3, 16, 16)).to(device)
        average, losses = EMA(net, 0.9, 0.6667).to(device), []
        optimizer = recipe.optimizer(Trained(net, learning_rate=3e-3))
        generator = torch.Generator().manual_seed(0)
        x, goal = torch.randn(2, 8, 3, 16, 16, generator=generator).to(device)
        for step in range(12):
            loss = (net(x, torch.zeros(8, device=device)) - goal).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(net, step, step + 1)
            losses.append(float(loss))
        averaged = average.net(x, torch.zeros(8, device=device))
        found.append([*losses, float((averaged - goal).square().mean())])
    assert found[1][-2] < found[1][0], "it learns"
    assert found[1] == pytest.approx(found[0], rel=0.02)


def test_a_large_extractor_has_its_features() -> None:
    torch.manual_seed(0)
    here = VisionTransformer(width=128, depth=2, patch=14, side=5).eval()
    there, x = copy.deepcopy(here).to(DEVICE), torch.randn(2, 3, 70, 70)
    with torch.inference_mode():
        close(there(x.to(DEVICE)), here(x), rtol=1e-3, atol=1e-4)
