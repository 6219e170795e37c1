"""The one loop: what it asks of a sampler, and that batches change no sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.building import build
from snowmelt.denoiser import Denoiser
from snowmelt.nets.unet import UNet
from snowmelt.predictions import Eps, V
from snowmelt.processes import VariancePreserving
from snowmelt.randomness import Stream, normal
from snowmelt.samplers.gaussian import Gaussian
from snowmelt.samplers.sampler import Sampler, sample
from snowmelt.schedules import Cosine, Linear

FILES = sorted((Path(__file__).parents[2] / "conf" / "sampler").glob("*.yaml"))
every_sampler = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
Make = Callable[..., Denoiser]


def built(file: Path, steps: int = 8) -> Sampler:
    return build({**OmegaConf.load(file), "steps": steps}, Sampler)


def in_batches(draw: Callable[[Tensor], Tensor], count: int, size: int) -> Tensor:
    return torch.cat([draw(part) for part in torch.arange(count).split(size)])


def test_there_are_samplers() -> None:
    assert {"ddpm", "ddim"} <= {file.stem for file in FILES}
    assert build(OmegaConf.load(FILES[0]), Sampler).order >= 1


@every_sampler
@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 5, 5)])
def test_a_batch_changes_no_bit_of_a_sample(
    file: Path, shape: tuple[int, ...], gaussian_denoiser: Make
) -> None:
    denoiser, sampler = gaussian_denoiser(), built(file)

    def draw(index: Tensor) -> Tensor:
        return sample(denoiser, sampler, index, shape, seed=5)

    whole = draw(torch.arange(23))
    assert whole.shape == (23, *shape)
    assert whole.dtype == torch.float32
    for size in (1, 4, 10):
        assert torch.equal(in_batches(draw, 23, size), whole), size
    order = torch.tensor([22, 3, 3, 0])
    assert torch.equal(draw(order), whole[order])


@every_sampler
def test_a_batch_changes_no_sample_of_a_unet(file: Path) -> None:
    torch.manual_seed(0)
    net = UNet((1, 8, 8), widths=[8, 16], blocks=1, attention=[False, True], embedding=16)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V()).eval()

    def draw(index: Tensor) -> Tensor:
        return sample(denoiser, built(file, 4), index, (1, 8, 8), seed=1)

    whole = draw(torch.arange(7))
    for size in (1, 3):
        torch.testing.assert_close(in_batches(draw, 7, size), whole, rtol=0, atol=1e-4)


@every_sampler
def test_seeds_and_indices_give_other_samples(file: Path, gaussian_denoiser: Make) -> None:
    denoiser, sampler, index = gaussian_denoiser(), built(file), torch.arange(4)
    first = sample(denoiser, sampler, index, (2,), seed=0)
    assert torch.equal(first, sample(denoiser, sampler, index, (2,), seed=0))
    for other in (
        sample(denoiser, sampler, index, (2,), seed=1),
        sample(denoiser, sampler, index + 4, (2,), seed=0),
    ):
        assert not (first == other).any()


class Recorder(Sampler):
    """Remembers each call and doubles the state."""

    order = 1

    def __init__(self, steps: int, is_stochastic: bool) -> None:
        super().__init__(steps)
        self.uses_noise = is_stochastic
        self.calls: list[tuple[Tensor, float, float | None, Tensor | None]] = []

    @property
    def is_stochastic(self) -> bool:
        return self.uses_noise

    def step(
        self, denoiser: Denoiser, x_t: Tensor, t: Tensor, s: Tensor, noise: Tensor
    ) -> Tensor:
        assert not torch.is_grad_enabled()
        assert t.shape == s.shape == ()
        self.calls.append((x_t.clone(), float(t), float(s), noise))
        return 2 * x_t

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        self.calls.append((x_t.clone(), float(t), None, None))
        return 100 * x_t


@pytest.mark.parametrize("is_stochastic", [True, False])
def test_what_the_loop_asks_for(is_stochastic: bool, gaussian_denoiser: Make) -> None:
    recorder, index, seen = Recorder(4, is_stochastic), torch.tensor([3, 8]), []
    result = sample(
        gaussian_denoiser(),
        recorder,
        index,
        (5,),
        seed=2,
        watch=lambda step, t, x: seen.append((step, float(t), x.clone())),
    )
    start = normal((5,), seed=2, stream=Stream.SAMPLING_START, index=index)
    moves = [(t, s) for _, t, s, _ in recorder.calls]
    assert moves == [(1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, None)]
    for number, (x_t, _, _, noise) in enumerate(recorder.calls[:-1]):
        assert torch.equal(x_t, 2**number * start)
        fresh = normal((5,), seed=2, stream=Stream.SAMPLING_STEP, index=index, step=number)
        assert torch.equal(noise, fresh if is_stochastic else torch.zeros(2, 5))
    assert torch.equal(result, 100 * (8 * start))
    # A watcher sees the state before each step, and the result at time 0.
    assert [(step, t) for step, t, _ in seen] == [
        (0, 1.0),
        (1, 0.75),
        (2, 0.5),
        (3, 0.25),
        (4, 0.0),
    ]
    assert torch.equal(seen[0][2], start)
    assert torch.equal(seen[-1][2], result)


def test_a_single_step_is_one_estimate_from_noise(gaussian_denoiser: Make) -> None:
    denoiser, index = gaussian_denoiser(), torch.arange(3)
    start = normal((2,), seed=0, stream=Stream.SAMPLING_START, index=index)
    found = sample(denoiser, Gaussian(1), index, (2,), seed=0)
    torch.testing.assert_close(found, denoiser.x_0(start, torch.tensor(1.0).double()))


def test_the_start_has_the_scale_of_the_prior(gaussian_denoiser: Make) -> None:
    class Wide(VariancePreserving):
        def prior_std(self) -> float:
            return 80.0

    recorder = Recorder(1, is_stochastic=False)
    index = torch.arange(3)
    sample(gaussian_denoiser(Wide(Cosine())), recorder, index, (2,), seed=0)
    start = normal((2,), seed=0, stream=Stream.SAMPLING_START, index=index)
    assert torch.equal(recorder.calls[0][0], 80 * start)


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=["linear", "cosine"])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_samples_of_gaussian_data_are_gaussian(
    schedule: Linear | Cosine, eta: float, gaussian_denoiser: Make
) -> None:
    denoiser = gaussian_denoiser(VariancePreserving(schedule), Eps(), mean=0.3, std=0.6)
    count = 2000
    x = sample(denoiser, Gaussian(100, eta), torch.arange(count), (2,), seed=3).double()
    # Five standard errors, and the bias of a hundred steps of the first order.
    assert x.mean(0).tolist() == pytest.approx([0.3] * 2, abs=3 / math.sqrt(count) + 0.02)
    assert x.std(0).tolist() == pytest.approx([0.6] * 2, abs=2.2 / math.sqrt(count) + 0.03)
    assert abs(float(torch.corrcoef(x.T)[0, 1])) < 5 / math.sqrt(count)


def test_a_sampler_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        Recorder(0, is_stochastic=False)
