"""Whole training steps: noise, forward, backward, clipping, optimiser, average.

A peer's step is that of its own trainer or example: AdamW and clipping as torch has them by
default, and the average by the peer's own class where it has one. Ours is what
`snowmelt train` does at each step, without Lightning around it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.benchmarks.networks import PEERS, SHAPE, Network

# How the network computes; a compiled one in bf16.
NUMBERS = ("fp32", "conv_bf16", "bf16", "bf16_nhwc", "compiled")
Step = Callable[[], None]


def numbers(name: str) -> contextlib.AbstractContextManager[Any]:
    """The context in which the network is called."""
    if name in ("fp32", "conv_bf16"):
        return contextlib.nullcontext()
    return torch.autocast("cpu", torch.bfloat16)


def prepared(net: nn.Module, name: str) -> None:
    """Set up a network, and torch, for the numbers."""
    if name == "conv_bf16":
        torch.backends.mkldnn.conv.fp32_precision = "bf16"  # type: ignore[attr-defined]
    if name == "bf16_nhwc":
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if name == "compiled":
        net.compile(dynamic=False)


def peer_step(name: str, how: str, batch: int) -> Step:
    """A step of a peer, on the same images each time."""
    network = PEERS[name]()
    prepared(network.net, how)
    net, images = network.net.train(), torch.rand(batch, *SHAPE) * 2 - 1
    loss, average = _loss(name, network), _average(name, net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        with numbers(how):
            value = loss(images)
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        average()

    return step


def _loss(name: str, network: Network) -> Callable[[Tensor], Tensor]:
    """The loss as the library computes it, or that of Ho et al. where it has none."""
    if name == "lucidrains":
        from denoising_diffusion_pytorch import GaussianDiffusion

        return GaussianDiffusion(network.net, image_size=SHAPE[1], auto_normalize=False)
    if name == "diffusers":
        from diffusers import DDPMScheduler

        noising: Any = DDPMScheduler(num_train_timesteps=1000).add_noise
    else:
        beta = torch.linspace(1e-4, 0.02, 1000)
        alpha_bar = torch.cumprod(1 - beta, 0)[:, None, None, None]

        def noising(x: Tensor, eps: Tensor, t: Tensor) -> Tensor:
            return alpha_bar[t].sqrt() * x + (1 - alpha_bar[t]).sqrt() * eps

    def loss(images: Tensor) -> Tensor:
        eps, t = torch.randn_like(images), torch.randint(1000, (len(images),))
        return (network.call(noising(images, eps, t), t).float() - eps).square().mean()

    return loss


def _average(name: str, net: nn.Module) -> Step:
    if name == "lucidrains":
        from ema_pytorch import EMA

        return EMA(net, beta=0.995, update_every=10).update
    if name == "diffusers":
        from diffusers.training_utils import EMAModel

        average = EMAModel(net.parameters(), decay=0.9999)
        return lambda: average.step(net.parameters())
    plain = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9999)
    )
    return lambda: plain.update_parameters(net)


def our_step(settings: dict[str, Any], how: str, batch: int) -> Step:
    """A step of snowmelt's training with its default parts."""
    import snowmelt as sm
    from snowmelt.common.instantiate import build
    from snowmelt.common.randomness import Stream, normal
    from snowmelt.nets.net import Net
    from snowmelt.training.ema import EMA

    net = build(settings, Net, shape=SHAPE, outputs=1, classes=0)
    average = EMA(net, 0.998, 0.6667)
    if how != "bf16_nhwc":  # ours is so from the beginning
        prepared(net, how)
    process = sm.processes.VariancePreserving(sm.schedules.Cosine())
    denoiser = sm.Denoiser(net, process, sm.predictions.V())
    loss, times = sm.losses.Simple(), sm.time_sampling.LowDiscrepancy()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    images, slot = torch.rand(batch, *SHAPE) * 2 - 1, torch.arange(batch)
    count = iter(range(2**31))

    def step() -> None:
        key: dict[str, Any] = {"seed": 0, "step": next(count)}
        t, weight = times(slot, batch, process=process, **key)
        eps = normal(SHAPE, stream=Stream.TRAINING_NOISE, index=slot, **key)
        optimizer.zero_grad()
        with numbers(how):
            value = (weight * loss(denoiser, images, t, eps)).mean()
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        average.update(net, key["step"], key["step"] + 1)

    return step


def step_of(name: str, how: str, batch: int, ours: dict[str, Any]) -> Step:
    """The step of a contestant by its name."""
    if name in PEERS:
        return peer_step(name, how, batch)
    return our_step(ours, how, batch)


def sampling_step(name: str, how: str, batch: int, ours: dict[str, Any]) -> Step:
    """One evaluation of the network for each of a batch of images, as sampling needs."""
    from tests.benchmarks.networks import snowmelt

    network = PEERS[name]() if name in PEERS else snowmelt(ours)
    prepared(network.net.eval(), how)
    x, t = torch.randn(batch, *SHAPE), torch.full((batch,), 500.0)

    def step() -> None:
        with torch.inference_mode(), numbers(how):
            network.call(x, t)

    return step
