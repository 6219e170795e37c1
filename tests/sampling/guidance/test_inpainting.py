"""Inpainting: what is known stays, and what is drawn goes with it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Eps
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear
from snowmelt.sampling.guidance.guidance import Conditioning, Draw
from snowmelt.sampling.guidance.inpainting import Inpainting, Replacement
from snowmelt.sampling.guidance.masks import Box, Mask, Scattered, Side
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.loop import sample

STD, CORRELATION = 0.6, 0.8
COVARIANCE = STD**2 * torch.tensor([[1.0, CORRELATION], [CORRELATION, 1.0]]).double()


class Knowing(nn.Module):
    """The exact noise of normal data: of the covariance above, or value by value."""

    def __init__(self, together: bool) -> None:
        super().__init__()
        self.together, self.calls = together, 0
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        self.calls += 1
        share = torch.sigmoid(log_snr.to(x.dtype)).reshape(-1, *[1] * (x.ndim - 1))
        if not self.together:
            return (1 - share).sqrt() * x / (share * STD**2 + 1 - share)
        unit = torch.eye(2).to(x)
        total = share[..., None] * COVARIANCE.to(x) + (1 - share[..., None]) * unit
        return (1 - share).sqrt() * torch.linalg.solve(total, x)


def denoiser(together: bool = False) -> Denoiser:
    return Denoiser(Knowing(together), VariancePreserving(Cosine()), Eps())


def examples(shape: tuple[int, ...]) -> Conditioning:
    def of(index: Tensor) -> Tensor:
        places = torch.arange(math.prod(shape)).reshape(shape)
        return torch.sin(index.reshape(-1, *[1] * len(shape)) + places)

    return Conditioning(shape, examples=of)


@pytest.mark.parametrize(
    "process", [VariancePreserving(Cosine()), VarianceExploding(Linear())]
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_imposed(process: VariancePreserving, whole: bool) -> None:
    x_0, x_t, noise = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    known = torch.tensor([True, False, True, True, False])
    known = known.expand(4, 5) if whole else known
    held = Replacement(x_0, known)
    t = torch.tensor(0.3, dtype=torch.float64)
    found = held.impose(process, x_t, t, noise)
    kept = known.expand(4, 5)
    wanted = float(process.alpha(t)) * x_0 + float(process.sigma(t)) * noise
    torch.testing.assert_close(found[kept], wanted[kept])
    assert torch.equal(found[~kept], x_t[~kept])
    end = held.impose(process, x_t, torch.zeros(()).double(), noise)
    assert torch.equal(end, torch.where(kept, x_0, x_t))


@pytest.mark.parametrize("resamples", [1, 3])
@pytest.mark.parametrize("mask", [Box(0.3), Side(0.5), Scattered(0.5)])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_known_values_are_exact_at_the_end(mask: Mask, resamples: int, eta: float) -> None:
    conditioning, index = examples((1, 6, 6)), torch.tensor([4, 0, 9])
    guidance = Inpainting(mask, resamples)
    found = guidance.draw(Draw(denoiser(), DDIM(5, eta), index, conditioning, seed=3))
    known = mask.known(index, (1, 6, 6), seed=3)
    assert torch.equal(found[known], conditioning.real(index)[known])
    assert not (found == conditioning.real(index))[~known].any()
    seen = guidance.seen(index, conditioning, seed=3)
    assert torch.equal(seen, torch.where(known, conditioning.real(index), 0.0))


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_values_that_know_nothing_of_each_other_are_drawn_freely(eta: float) -> None:
    conditioning, index = examples((6,)), torch.arange(5)
    sampler = DDIM(8, eta)
    free = sample(denoiser(), sampler, index, (6,), seed=0)
    found = Inpainting(Side(0.5)).draw(
        Draw(denoiser(), sampler, index, conditioning, seed=0)
    )
    assert torch.equal(found[:, 3:], free[:, 3:])


def test_repaint_finds_the_conditional_density_that_replacement_misses() -> None:
    count, first = 1000, 0.9
    conditioning = Conditioning(
        (2,), examples=lambda index: torch.tensor([first, 0.0]).expand(len(index), 2)
    )
    mean, std = CORRELATION * first, STD * math.sqrt(1 - CORRELATION**2)
    errors = []
    for resamples in (1, 8):
        guidance = Inpainting(Side(0.5), resamples)
        x = guidance.draw(
            Draw(
                denoiser(together=True),
                DDIM(40, 1.0),
                torch.arange(count),
                conditioning,
                seed=1,
            )
        )[:, 1].double()
        errors.append((abs(float(x.mean()) - mean), abs(float(x.std()) - std)))
    # Of the mean, replacement misses a third; four standard errors are 0.045.
    assert errors[0][0] > 0.2
    assert errors[1][0] < 0.09
    assert errors[1][1] < 0.09


@pytest.mark.parametrize("resamples", [1, 4])
def test_evaluations_are_the_calls_of_the_network(resamples: int) -> None:
    asked, sampler = denoiser(), DDIM(7)
    guidance = Inpainting(Side(0.5), resamples)
    guidance.draw(Draw(asked, sampler, torch.arange(2), examples((4,)), seed=0))
    assert asked.net.calls == guidance.evaluations(sampler, asked.process)
    assert asked.net.calls == 6 * resamples + 1


def test_refusals() -> None:
    x_0 = torch.zeros(2, 4)
    with pytest.raises(
        ValueError, match=r"mask of shape \(3,\) does not fit data of \(2, 4\)"
    ):
        Replacement(x_0, torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        Replacement(x_0, torch.ones(4, dtype=torch.bool), resamples=0)
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        Inpainting(Side(0.5), 0)
    with pytest.raises(ValueError, match="a box is hidden in images"):
        Inpainting(Box()).check(examples((2,)), DDIM(3))
    with pytest.raises(ValueError, match="Adaptive chooses its own steps"):
        Inpainting(Side(0.5)).check(examples((2,)), Adaptive())
    with pytest.raises(ValueError, match="completes real examples, and none were given"):
        Inpainting(Side(0.5)).check(Conditioning((2,)), DDIM(3))
