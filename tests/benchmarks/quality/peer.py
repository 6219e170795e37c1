"""One peer's training and sampling, as its own example or trainer does them.

`python -m tests.benchmarks.quality.peer JSON`, by the Python of the peers' environment. The
networks are those of `make bench`. Each is given the faster of float32 and bfloat16, which
both of their documentations offer, and the DDIM steps that both offer for fast samples.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tests.benchmarks.networks import PEERS, SHAPE

SAMPLING_STEPS = 50
SAMPLING_BATCH = 250
Draw = Callable[[int], Tensor]


@dataclass(frozen=True)
class Peer:
    """What a peer's own training consists of.

    Attributes:
        batch: images of one backward pass; `accumulate` of them make a step.
        loss: of images in [-1, 1].
        rate: of learning, as a share of the largest, by the step and the share of the time.
        average: is called after each step.
        draw: so many samples in [-1, 1] of the averaged weights.
    """

    net: torch.nn.Module
    batch: int
    accumulate: int
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor], Tensor]
    rate: Callable[[int, float], float]
    average: Callable[[], None]
    draw: Draw


def lucidrains() -> Peer:
    """As the README's example: two batches of 32 a step, 8e-5, an average of 0.995."""
    from denoising_diffusion_pytorch import GaussianDiffusion
    from ema_pytorch import EMA

    net = PEERS["lucidrains"]().net
    diffusion = GaussianDiffusion(
        net, image_size=SHAPE[1], timesteps=1000, sampling_timesteps=SAMPLING_STEPS
    )
    ema = EMA(diffusion, beta=0.995, update_every=10)
    return Peer(
        net=net,
        batch=32,
        accumulate=2,
        optimizer=torch.optim.Adam(net.parameters(), lr=8e-5, betas=(0.9, 0.99)),
        loss=lambda images: diffusion((images + 1) / 2),
        rate=lambda step, share: 1.0,
        average=ema.update,
        draw=lambda count: ema.ema_model.sample(batch_size=count) * 2 - 1,
    )


def diffusers() -> Peer:
    """As the example of unconditional generation: batches of 16, 1e-4, a cosine."""
    from diffusers import DDIMScheduler, DDPMScheduler
    from diffusers.training_utils import EMAModel

    network = PEERS["diffusers"]()
    net, scheduler = network.net, DDPMScheduler(num_train_timesteps=1000)
    ema = EMAModel(
        net.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75
    )

    def loss(images: Tensor) -> Tensor:
        eps, t = torch.randn_like(images), torch.randint(1000, (len(images),))
        answer = network.call(scheduler.add_noise(images, eps, t), t)
        return torch.nn.functional.mse_loss(answer.float(), eps)

    def draw(count: int) -> Tensor:
        ema.copy_to(net.parameters())
        sampler = DDIMScheduler.from_config(scheduler.config)
        sampler.set_timesteps(SAMPLING_STEPS)
        x = torch.randn(count, *SHAPE)
        for t in sampler.timesteps:
            eps = network.call(x, t.expand(count)).float()
            x = sampler.step(eps, t, x).prev_sample
        return x

    return Peer(
        net=net,
        batch=16,
        accumulate=1,
        optimizer=torch.optim.AdamW(
            net.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6
        ),
        loss=loss,
        rate=lambda step, share: min((step + 1) / 500, (1 + math.cos(math.pi * share)) / 2),
        average=lambda: ema.step(net.parameters()),
        draw=draw,
    )


QUALITY_PEERS: dict[str, Callable[[], Peer]] = {
    "lucidrains": lucidrains,
    "diffusers": diffusers,
}


def trained(
    peer: Peer, images: np.ndarray, seconds: float, bf16: bool, seed: int = 0
) -> dict[str, Any]:
    """Train by the clock; what is told of it.

    Shapes:
        images: (N, C, H, W) uint8
    """
    steps, seen, since = 0, 0, time.perf_counter()
    random = np.random.default_rng(seed)
    rows, place = random.permutation(len(images)), 0
    bar = tqdm(total=round(seconds), unit="s", desc="training")
    peer.net.train()
    while (used := time.perf_counter() - since) < seconds:
        for group in peer.optimizer.param_groups:
            largest = group.setdefault("largest", group["lr"])
            group["lr"] = largest * peer.rate(steps, used / seconds)
        peer.optimizer.zero_grad()
        for _ in range(peer.accumulate):
            if place + peer.batch > len(rows):
                rows, place = random.permutation(len(images)), 0
            chosen = np.sort(rows[place : place + peer.batch])
            place += peer.batch
            batch = torch.from_numpy(images[chosen].astype(np.float32)) / 127.5 - 1
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = peer.loss(batch)
            (loss / peer.accumulate).backward()
        torch.nn.utils.clip_grad_norm_(peer.net.parameters(), 1.0)
        peer.optimizer.step()
        peer.average()
        steps, seen = steps + 1, seen + peer.batch * peer.accumulate
        bar.update(round(used) - bar.n)
        bar.set_postfix(loss=f"{loss.item():.3f}", images=seen, refresh=False)
    bar.close()
    return {"steps": steps, "images": seen, "seconds": time.perf_counter() - since}


def sampled(peer: Peer, count: int, bf16: bool) -> np.ndarray:
    """Samples as the data is stored, uint8 (N, C, H, W)."""
    peer.net.eval()
    found = []
    for start in tqdm(range(0, count, SAMPLING_BATCH), desc="sampling"):
        size = min(SAMPLING_BATCH, count - start)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            drawn = peer.draw(size).float()
        levels = ((drawn.clamp(-1, 1) + 1) * 127.5).round()
        found.append(levels.to(torch.uint8).numpy())
    return np.concatenate(found)


def main() -> None:
    asked = json.loads(sys.argv[1])
    torch.manual_seed(asked["seed"])
    peer = QUALITY_PEERS[asked["name"]]()
    if asked["bf16"]:
        peer.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = np.load(asked["images"], mmap_mode="r")[: asked["count"]]
    told = trained(peer, images, asked["seconds"], asked["bf16"], asked["seed"])
    since = time.perf_counter()
    samples = sampled(peer, asked["samples"], asked["bf16"])
    told["sampling_seconds"] = time.perf_counter() - since
    told["evaluations"] = SAMPLING_STEPS
    target = Path(asked["target"])
    np.save(target / "samples.npy", samples)
    (target / "told.json").write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
