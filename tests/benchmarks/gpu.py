"""`make bench-gpu`: the speed of training and sampling on one GPU, in some ten minutes.

It needs torch, numpy and PyYAML beside the package's source, and nothing of the pipeline,
so that it runs on a bare machine; what is found is written as soon as it is. Without a GPU
it does all of it once with a tiny network, to show that it runs.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

import snowmelt as sm
from snowmelt.common.randomness import Stream, normal
from snowmelt.nets.unet import UNet
from snowmelt.training.ema import EMA
from tests.benchmarks import arguments

ROOT = Path(__file__).parents[2]
BASE = ROOT / "conf" / "net" / "unet_base.yaml"
TINY = {"widths": [8, 8], "blocks": 1, "attention": [False, True], "embedding": 16}
SAMPLER_STEPS = 20
Content = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """How a step is computed.

    Attributes:
        bf16: the network computes in bfloat16.
        tf32: products of float32 have the digits of TF32.
        compiled: by torch.compile.
        tuned: cuDNN tries its algorithms and takes the fastest.
    """

    bf16: bool = True
    tf32: bool = False
    compiled: bool = False
    tuned: bool = False


WAYS = {
    "float32": Way(bf16=False),
    "float32, TF32": Way(bf16=False, tf32=True),
    "bf16": Way(),  # as trainer=gpu trains
    "bf16, tuned": Way(tuned=True),
    "bf16, compiled": Way(compiled=True),  # as trainer=gpu trainer.compile=true does
    "bf16, compiled, tuned": Way(compiled=True, tuned=True),
}


@dataclass(frozen=True)
class Plan:
    """How much is measured, and on what."""

    device: str = "cuda"
    shape: tuple[int, ...] = (3, 32, 32)
    batches: tuple[int, ...] = (128, 512)
    seconds: float = 10.0  # of each measurement
    training_seconds: float = 120.0
    size: int = 8192  # of the matrices whose product is timed
    compiles: bool = True


DRY = Plan(
    device="cpu",
    shape=(3, 8, 8),
    batches=(2, 4),
    seconds=0.05,
    training_seconds=0.2,
    size=64,
    compiles=False,
)


def main(asked: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench-gpu", description=__doc__)
    parser.add_argument(
        "--net", type=arguments.existing_file, default=BASE, help="of a U-Net"
    )
    parser.add_argument("--out", type=arguments.folder, default=ROOT / "outputs" / "bench")
    parser.add_argument("--seconds", type=arguments.seconds, help="of each measurement")
    parser.add_argument(
        "--training-seconds", type=arguments.seconds, help="of the long one"
    )
    parser.add_argument(
        "--batches", type=arguments.count, nargs="+", help="images of a step"
    )
    parser.add_argument(
        "--no-compile", action="store_true", help="leave out what is compiled for minutes"
    )
    given = parser.parse_args(asked)
    is_dry = not torch.cuda.is_available()
    plan = DRY if is_dry else Plan()
    told = {key: getattr(given, key) for key in ("seconds", "training_seconds", "batches")}
    plan = replace(plan, **{key: one for key, one in told.items() if one is not None})
    plan = replace(plan, compiles=plan.compiles and not given.no_compile)
    settings = TINY if is_dry else _arguments(given.net)
    if is_dry:
        print("bench-gpu: torch finds no GPU: a dry run, always with a tiny network")
    given.out.mkdir(parents=True, exist_ok=True)
    content = measured(plan, settings, functools.partial(_write, given.out))
    print(json.dumps(content, indent=2))


def _write(folder: Path, content: Content) -> None:
    (folder / "bench-gpu.json").write_text(json.dumps(content, indent=2) + "\n")


def _arguments(file: Path) -> dict[str, Any]:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key != "_target_"}


def measured(
    plan: Plan, settings: dict[str, Any], keep: Callable[[Content], object]
) -> Content:
    """Every number; rates are of images a second.

    Args:
        keep: is given what was found so far, after each measurement.
    """
    peak = matrix_peak(plan)
    content: Content = {"device": device_name(plan), "torch": torch.__version__}
    content |= {"net": settings, "peak_tflops": peak / 1e12}
    content |= {"ways": [], "training": [], "sampling": []}
    for name, way in WAYS.items():
        if way.compiled and not plan.compiles:
            continue
        rate = plan.batches[0] / seconds_of(
            Training(plan, settings, plan.batches[0], way).step, plan
        )
        first = content["ways"][0]["images"] if content["ways"] else rate
        told = {"way": name, "batch": plan.batches[0], "images": rate}
        content["ways"].append(told | {"times_float32": rate / first})
        keep(content)
    fastest = max(content["ways"], key=lambda told: told["images"])["way"]
    content["fastest"] = fastest
    for batch in plan.batches:
        training = Training(plan, settings, batch, WAYS[fastest])
        if plan.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        rate = batch / seconds_of(training.step, plan)
        told = {"batch": batch, "images": rate, "gflop": training.flops / 1e9}
        if plan.device == "cuda":
            told["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
        content["training"].append(told | {"of_peak": rate * training.flops / peak})
        keep(content)
    content["minutes"] = training.minutes()
    keep(content)
    del training
    for batch in plan.batches:
        training = Training(plan, settings, batch, WAYS[fastest])
        training.net.eval()
        evaluating = seconds_of(training.evaluate, plan, at_once=1)
        evaluations = SAMPLER_STEPS * batch / evaluating
        images = batch / seconds_of(training.sample, plan, at_once=1)
        told = {"batch": batch, "evaluations": evaluations}
        content["sampling"].append(told | {"steps": SAMPLER_STEPS, "images": images})
        keep(content)
    return content


def device_name(plan: Plan) -> str:
    return torch.cuda.get_device_name() if plan.device == "cuda" else plan.device


def matrix_peak(plan: Plan) -> float:
    """Floating-point operations a second of a product of two matrices in bfloat16."""
    left, right = torch.randn(2, plan.size, plan.size, device=plan.device).bfloat16()
    return 2 * plan.size**3 / seconds_of(lambda: torch.mm(left, right), plan, share=0.2)


def seconds_of(
    step: Callable[[], object], plan: Plan, share: float = 1.0, at_once: int = 5
) -> float:
    """The seconds of a step, after some that compile and warm up.

    Args:
        at_once: steps between two looks at the clock.
    """
    for _ in range(min(3, at_once)):
        step()
    _wait(plan)
    count, since = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - since < share * plan.seconds:
        for _ in range(at_once):
            step()
        count += at_once
        _wait(plan)
    return (time.perf_counter() - since) / count


def _wait(plan: Plan) -> None:
    if plan.device == "cuda":
        torch.cuda.synchronize()


class Training:
    """A training without Lightning: channels last, fused AdamW, average."""

    def __init__(self, plan: Plan, settings: dict[str, Any], batch: int, way: Way) -> None:
        torch.compiler.reset()
        torch.manual_seed(0)
        torch.backends.cudnn.benchmark = way.tuned
        torch.backends.cudnn.allow_tf32 = way.tf32
        torch.set_float32_matmul_precision("high" if way.tf32 else "highest")
        self.plan, self.batch, self.way = plan, batch, way
        self.net: nn.Module = UNet(plan.shape, **settings).to(plan.device)
        self.average = EMA(self.net, 0.998, 0.6667)
        self.shown = blobs(4096, plan.shape).to(plan.device)
        process = sm.processes.VariancePreserving(sm.schedules.Cosine())
        self.denoiser = sm.Denoiser(self.net, process, sm.predictions.V())
        self.loss, self.times = sm.losses.Simple(), sm.time_sampling.LowDiscrepancy()
        weights = self.net.parameters()
        self.optimizer = torch.optim.AdamW(weights, lr=5e-4, fused=True)
        self.slot = torch.arange(batch, device=plan.device)
        self.count = 0
        self.flops = self._flops()  # for one image
        if plan.compiles and way.compiled:
            self.net.compile(dynamic=False)

    def step(self) -> Tensor:
        """One step; its loss, which is not waited for."""
        key: dict[str, Any] = {"seed": 0, "step": self.count}
        rows = (self.slot + self.count * self.batch) % len(self.shown)
        process = self.denoiser.process
        t, weight = self.times(self.slot, self.batch, process=process, **key)
        noise = Stream.TRAINING_NOISE
        eps = normal(self.plan.shape, stream=noise, index=self.slot, **key)
        self.optimizer.zero_grad()
        with self._numbers():
            loss = (weight * self.loss(self.denoiser, self.shown[rows], t, eps)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.count += 1
        self.average.update(self.net, self.count - 1, self.count)
        return loss.detach()

    def _numbers(self) -> torch.autocast:
        return torch.autocast(self.plan.device, torch.bfloat16, enabled=self.way.bf16)

    @torch.no_grad()
    def evaluate(self) -> None:
        """As many evaluations as sampling needs; weights are rounded once for all."""
        x = torch.zeros(self.batch, *self.plan.shape, device=self.plan.device)
        t = torch.full((), 0.5, dtype=torch.float64, device=x.device)
        with self._numbers():
            for _ in range(SAMPLER_STEPS):
                self.denoiser(x, t)

    def sample(self) -> Tensor:
        """A batch of images by DPM-Solver++."""
        sampler = sm.samplers.DPM(SAMPLER_STEPS)
        with self._numbers():
            return sm.sample(self.denoiser, sampler, self.slot, self.plan.shape, seed=0)

    def minutes(self) -> dict[str, Any]:
        """A training of some minutes: the rate that it holds, and the loss on its way."""
        since, first, losses = time.perf_counter(), self.count, []
        while time.perf_counter() - since < self.plan.training_seconds:
            several = [self.step() for _ in range(10)]  # the last alone is waited for
            losses += [float(loss) for loss in several]
        seconds = time.perf_counter() - since
        steps = self.count - first
        tenth = max(steps // 10, 1)
        return {
            "seconds": seconds,
            "steps": steps,
            "images": steps * self.batch / seconds,
            "first_loss": sum(losses[:tenth]) / tenth,
            "last_loss": sum(losses[-tenth:]) / tenth,
        }

    def _flops(self) -> float:
        """Floating-point operations of forward and backward pass, for one image."""
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.utils.flop_counter import FlopCounterMode

        x = torch.randn(1, *self.plan.shape, device=self.plan.device)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            self.net(x, torch.zeros(1, device=self.plan.device)).square().mean().backward()
        self.net.zero_grad(set_to_none=True)
        return float(counter.get_total_flops())


def blobs(count: int, shape: tuple[int, ...]) -> Tensor:
    """Images of one bright disc each, in [-1, 1]: something that can be learned."""
    generator = torch.Generator().manual_seed(0)
    place = torch.rand(count, 2, 1, 1, generator=generator)
    grid = torch.meshgrid(*(torch.linspace(0, 1, n) for n in shape[1:]), indexing="ij")
    distance = (torch.stack(grid) - place).square().sum(1, keepdim=True)
    return (2 * torch.exp(-distance / 0.02) - 1).expand(count, *shape).contiguous()


if __name__ == "__main__":
    main()
