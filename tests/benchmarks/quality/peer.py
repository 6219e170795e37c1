"""One peer's training and sampling, as its own example or trainer does them.

`python -m tests.benchmarks.quality.peer JSON`, by the Python of the peers' environment. The
networks are those of `make bench`. Each computes in what is fastest for it on this machine,
and draws by DDIM, which both offer for fast samples.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tests.benchmarks.networks import PEERS, SHAPE
from tests.benchmarks.steps import numbers, prepared

SAMPLING_STEPS = 25
SAMPLING_BATCH = 100
POSSIBLE = ("fp32", "bf16", "bf16_nhwc")
TRIED = 3  # steps, after a first one
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


def fastest(make: Callable[[], Peer], images: np.ndarray) -> str:
    """In what numbers a step takes the least time; its steps are forgotten."""
    seconds = {}
    for how in POSSIBLE:
        peer = made(make, how, 0)
        step(peer, batches(images, peer.batch, 0), how)
        since = time.perf_counter()
        for _ in range(TRIED):
            step(peer, batches(images, peer.batch, 0), how)
        seconds[how] = time.perf_counter() - since
    return min(seconds, key=seconds.__getitem__)


def made(make: Callable[[], Peer], how: str, seed: int) -> Peer:
    """A peer with new weights, to compute in some numbers."""
    torch.manual_seed(seed)
    peer = make()
    prepared(peer.net.train(), how)
    return peer


def batches(images: np.ndarray, size: int, seed: int) -> Iterator[Tensor]:
    """Images in [-1, 1], each once before any comes again: (B, C, H, W) without end."""
    random = np.random.default_rng(seed)
    while True:
        rows = random.permutation(len(images))
        for start in range(0, len(rows) - size + 1, size):
            chosen = np.sort(rows[start : start + size])
            yield torch.from_numpy(images[chosen].astype(np.float32)) / 127.5 - 1


def step(peer: Peer, source: Iterator[Tensor], how: str) -> float:
    """One step of its training; the loss."""
    peer.optimizer.zero_grad()
    for _ in range(peer.accumulate):
        with numbers(how):
            loss = peer.loss(next(source))
        (loss / peer.accumulate).backward()
    torch.nn.utils.clip_grad_norm_(peer.net.parameters(), 1.0)
    peer.optimizer.step()
    peer.average()
    return loss.item()


def trained(
    peer: Peer, images: np.ndarray, seconds: float, how: str, seed: int = 0
) -> dict[str, Any]:
    """Train by the clock; what is told of it.

    Shapes:
        images: (N, C, H, W) uint8
    """
    source, steps, since = batches(images, peer.batch, seed), 0, time.perf_counter()
    bar = tqdm(total=round(seconds), unit="s", desc="training")
    while (used := time.perf_counter() - since) < seconds:
        for group in peer.optimizer.param_groups:
            largest = group.setdefault("largest", group["lr"])
            group["lr"] = largest * peer.rate(steps, used / seconds)
        loss = step(peer, source, how)
        steps += 1
        bar.update(round(used) - bar.n)
        bar.set_postfix(loss=f"{loss:.3f}", steps=steps, refresh=False)
    bar.close()
    return {
        "numbers": how,
        "steps": steps,
        "images": steps * peer.batch * peer.accumulate,
        "seconds": time.perf_counter() - since,
    }


def sampled(peer: Peer, count: int, how: str) -> np.ndarray:
    """Samples as the data is stored, uint8 (N, C, H, W)."""
    peer.net.eval()
    found = []
    for start in tqdm(range(0, count, SAMPLING_BATCH), desc="sampling"):
        size = min(SAMPLING_BATCH, count - start)
        with torch.inference_mode(), numbers(how):
            drawn = peer.draw(size).float()
        levels = ((drawn.clamp(-1, 1) + 1) * 127.5).round()
        found.append(levels.to(torch.uint8).numpy())
    return np.concatenate(found)


def main() -> None:
    asked = json.loads(sys.argv[1])
    make, seed = QUALITY_PEERS[asked["name"]], asked["seed"]
    images = np.load(asked["images"], mmap_mode="r")[: asked["count"]]
    how = fastest(make, images)
    print(f"{asked['name']} is fastest in {how}", flush=True)
    peer = made(make, how, seed)
    told = trained(peer, images, asked["seconds"], how, seed)
    since = time.perf_counter()
    samples = sampled(peer, asked["samples"], how)
    told["sampling_seconds"] = time.perf_counter() - since
    told["evaluations"] = SAMPLING_STEPS
    target = Path(asked["target"])
    np.save(target / "samples.npy", samples)
    (target / "told.json").write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
