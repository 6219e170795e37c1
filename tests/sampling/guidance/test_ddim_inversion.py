"""The round trip of held-out examples through the noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Eps
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.sampling.guidance.ddim_inversion import Inversion
from snowmelt.sampling.guidance.guidance import Conditioning, Draw
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.ode import Heun
from snowmelt.sampling.samplers.thresholds import Clip


class Knowing(nn.Module):
    """The exact noise of N(0, 0.6^2)."""

    calls = 0

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        self.calls += 1
        share = torch.sigmoid(log_snr.to(x.dtype))[:, None]
        return (1 - share).sqrt() * x / (share * 0.6**2 + 1 - share)


def real(index: Tensor) -> Tensor:
    return torch.stack((torch.sin(index), 1.5 * torch.cos(index)), dim=1)


GIVEN, INDEX = Conditioning((2,), examples=real), torch.arange(6.0)


def trip(sampler: DDIM) -> tuple[Tensor, int]:
    denoiser = Denoiser(Knowing(), VariancePreserving(Cosine()), Eps())
    found = Inversion().draw(Draw(denoiser, sampler, INDEX, GIVEN, seed=0))
    return found, denoiser.net.calls


def test_more_steps_bring_back_more() -> None:
    errors = [
        float((trip(DDIM(steps))[0] - real(INDEX)).abs().max()) for steps in (25, 50, 100)
    ]
    assert errors[0] > 1.7 * errors[1] > 1.7**2 * errors[2] > 0
    assert errors[2] < 0.05


def test_the_samplers_threshold_holds_on_the_way_down() -> None:
    assert float(real(INDEX).abs().max()) > 1.2
    assert float(trip(DDIM(20, threshold=Clip()))[0].abs().max()) <= 1.0


def test_evaluations_are_the_calls_of_the_network() -> None:
    sampler = DDIM(9)
    process = VariancePreserving(Cosine())
    assert trip(sampler)[1] == Inversion().evaluations(sampler, process) == 18


def test_a_watcher_sees_the_way_down() -> None:
    denoiser, seen = Denoiser(Knowing(), VariancePreserving(Cosine()), Eps()), []
    Inversion().draw(
        Draw(
            denoiser,
            DDIM(4),
            INDEX,
            GIVEN,
            seed=0,
            watch=lambda step, t, x: seen.append((step, float(t))),
        )
    )
    assert seen == [(0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25), (4, 0.0)]


@pytest.mark.parametrize("sampler", [DDIM(5, eta=1.0), Heun(5)])
def test_a_sampler_without_a_way_back_is_refused(sampler: DDIM | Heun) -> None:
    with pytest.raises(ValueError, match=r"sampler=ddim with sampler\.eta=0"):
        Inversion().check(GIVEN, sampler)


def test_it_needs_examples() -> None:
    with pytest.raises(ValueError, match="none were given"):
        Inversion().check(Conditioning((2,)), DDIM(5))
