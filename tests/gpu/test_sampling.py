"""Noise, samplers, bridges and couplings: the samples of a processor."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser, bridge_losses
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import BrownianBridge
from snowmelt.diffusion.predictions import Flow, V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Learned, NoiseSchedule
from snowmelt.nets.mlp import MLP
from snowmelt.sampling.samplers import EulerMaruyama, Sampler, sample
from snowmelt.training.couplings import ClassWise, OptimalTransport, Sinkhorn
from snowmelt.training.couplings.coupling import Coupling
from tests.gpu.device import CPU, DEVICE, close, moved
from tests.sampling.exact_flows import STRAIGHT
from tests.sampling.samplers.exact import mixture_denoiser
from tests.sampling.samplers.orders import FILES
from tests.sampling.samplers.test_mixture import PLANE

COUNT = 256


def test_random_numbers_are_those_of_the_processor() -> None:
    index = torch.tensor([0, 7, 2**33 + 5])
    key: Any = {"seed": 2**40 + 3, "stream": Stream.SAMPLING_STEP, "step": 11}
    here, there = (uniform((1001,), index=i, **key) for i in (index, index.to(DEVICE)))
    assert torch.equal(there.cpu(), here), "the words are whole numbers"
    here, there = (normal((1001,), index=i, **key) for i in (index, index.to(DEVICE)))
    close(there, here, rtol=1e-6, atol=1e-6)


def drawn(file: Path, device: torch.device, schedule: NoiseSchedule) -> Tensor:
    """Samples of the exact denoiser of a mixture."""
    sampler = build(OmegaConf.load(file), Sampler)
    process = VariancePreserving(schedule)
    denoiser = moved(mixture_denoiser(process, **PLANE, sampler=sampler), device)
    index = torch.arange(COUNT, device=device)
    return sample(denoiser, sampler, index, (2,), seed=11)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("schedule", [Cosine(), Learned()], ids=["cosine", "learned"])
def test_a_sampler_draws_the_same(file: Path, schedule: NoiseSchedule) -> None:
    found, expected = (drawn(file, device, schedule) for device in (DEVICE, CPU))
    # A sample that sets out between two bumps may go to the other one by a rounding.
    far = ~((found.cpu() - expected).norm(dim=1) <= 1e-3)  # NaN is far as well
    assert found.device.type == DEVICE.type
    assert far.float().mean() <= 0.02, far.float().mean()


def test_a_bridge_is_trained_and_walked_the_same() -> None:
    between, ends = BrownianBridge(0.7), []
    torch.manual_seed(0)
    net = MLP((2,), width=32, blocks=1, embedding=16, outputs=2)
    torch.nn.init.normal_(net.last.weight, std=0.1)

    starts = torch.randn(COUNT, 2)
    x_0, z = torch.randn(2, COUNT, 2)
    for device in (DEVICE, CPU):
        denoiser = BridgeDenoiser(copy.deepcopy(net), STRAIGHT, Flow(), between).to(device)
        here = starts.to(device)
        denoiser.start = lambda index, seed, here=here: here[index]
        index = torch.arange(COUNT, device=device)
        t = torch.linspace(0.1, 0.9, COUNT, dtype=torch.float64, device=device)
        losses = bridge_losses(denoiser, x_0.to(device), here, z.to(device), t)
        walked = sample(denoiser, EulerMaruyama(20), index, (2,), seed=0)
        ends.append((losses.detach(), walked))
    for found, expected in zip(*ends, strict=True):
        close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "coupling",
    [OptimalTransport(), Sinkhorn(), ClassWise(OptimalTransport())],
    ids=lambda coupling: type(coupling).__name__,
)
def test_a_coupling_finds_the_same_partners(coupling: Coupling) -> None:
    torch.manual_seed(0)
    x_0, x_1, labels = torch.randn(32, 2), torch.randn(32, 2), torch.arange(32) % 3
    drawn = torch.rand(32, dtype=torch.float64)
    given = x_0, x_1, drawn, labels
    expected = coupling.partners(*given)
    found = coupling.partners(*(one.to(DEVICE) for one in given))
    assert found.device.type == DEVICE.type
    assert torch.equal(found.cpu(), expected)


def test_a_half_precision_network_is_asked_in_float32() -> None:
    """Autocast keeps state, coefficients and answer in float32."""
    net = MLP((2,), width=32, blocks=1, embedding=16).to(DEVICE)
    asked, seen = [], []
    net.register_forward_pre_hook(lambda _, given: asked.append(given[0].dtype))
    net.last.register_forward_hook(lambda *given: seen.append(given[-1].dtype))
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V())
    x = torch.randn(4, 2, device=DEVICE)
    with torch.autocast(DEVICE.type, torch.bfloat16):
        answer = denoiser(x, torch.full((4,), 0.5, dtype=torch.float64, device=DEVICE))
    assert asked == [torch.float32]
    assert seen == [torch.bfloat16]
    assert answer.dtype == torch.float32
