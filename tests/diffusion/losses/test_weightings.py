"""Each weighting in the terms of its own paper."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from tests.diffusion.losses.networks import PREDICTIONS, Answer, Straight
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import EDM, P2, Loss, MinSNR, Simple, SoftMinSNR
from snowmelt.diffusion.predictions import EDM as Preconditioned
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine

PROCESS = VariancePreserving(Cosine())
T = torch.tensor([0.02, 0.2, 0.45, 0.5, 0.7, 0.98], dtype=torch.float64)


def losses_of(loss: Loss, name: str) -> tuple[list[float], list[float]]:
    """Losses of a network that is off by 1 in its own output, and SNRs, as numbers."""
    x_0 = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(6, 2)
    eps = x_0.flip(0) * 1.3
    angle = torch.atan2(PROCESS.sigma(T), PROCESS.alpha(T))
    target = {
        "eps": eps,
        "x_0": x_0,
        "v": angle.cos()[:, None] * eps - angle.sin()[:, None] * x_0,
    }[name]
    denoiser = Denoiser(Answer(lambda x, level: target + 1), PROCESS, PREDICTIONS[name])
    return loss(denoiser, x_0, T, eps).tolist(), angle.tan().pow(-2).tolist()


@pytest.mark.parametrize("gamma", [5.0, 1.0, 0.3, 20.0])
@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("eps", lambda snr, gamma: min(snr, gamma) / snr),
        ("x_0", lambda snr, gamma: min(snr, gamma)),
        ("v", lambda snr, gamma: min(snr, gamma) / (snr + 1)),
    ],
)
def test_min_snr(name: str, weight: Callable[..., float], gamma: float) -> None:
    found, snrs = losses_of(MinSNR(gamma), name)
    assert min(snrs) < gamma < max(snrs)
    assert found == pytest.approx([weight(snr, gamma) for snr in snrs], rel=1e-9)


@pytest.mark.parametrize("std", [0.5, 1.0, 2.0])
def test_soft_min_snr(std: float) -> None:
    found, snrs = losses_of(SoftMinSNR(gamma=1 / std**2), "x_0")
    assert found == pytest.approx([1 / (1 / snr + std**2) for snr in snrs], rel=1e-9)
    # The authors' program weighs the output of EDM's preconditioning by this.
    outputs = [(std / ratio) ** 2 / (1 / ratio**2 + std**2) ** 2 for ratio in roots(snrs)]
    scales = [1 / snr * std**2 / (1 / snr + std**2) for snr in snrs]
    expected = [weight / scale for weight, scale in zip(outputs, scales, strict=True)]
    assert found == pytest.approx(expected, rel=1e-9)
    # It lies below min-SNR, which it meets at both ends.
    hard, _ = losses_of(MinSNR(gamma=1 / std**2), "x_0")
    assert all(soft < corner for soft, corner in zip(found, hard, strict=True))


def roots(values: list[float]) -> list[float]:
    return [math.sqrt(value) for value in values]


@pytest.mark.parametrize(("k", "gamma"), [(1.0, 1.0), (1.0, 0.5), (0.2, 2.0), (3.0, 0.0)])
def test_p2(k: float, gamma: float) -> None:
    found, snrs = losses_of(P2(k, gamma), "eps")
    assert found == pytest.approx([1 / (k + snr) ** gamma for snr in snrs], rel=1e-9)


@pytest.mark.parametrize("std", [0.5, 1.0, 1.7])
def test_edm(std: float) -> None:
    found, snrs = losses_of(EDM(std), "x_0")
    levels = [snr**-0.5 for snr in snrs]
    expected = [(level**2 + std**2) / (level * std) ** 2 for level in levels]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("std", [0.5, 1.7])
@pytest.mark.parametrize("kind", [VariancePreserving, VarianceExploding])
def test_edm_is_the_simple_loss_of_its_own_prediction(
    std: float, kind: Callable[..., VariancePreserving]
) -> None:
    process = kind(Straight(8.0, -8.0))
    net = Answer(lambda x, log_snr: torch.sin(3 * x))
    denoiser = Denoiser(net, process, Preconditioned(std))
    x_0, eps = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1)).double()
    expected = Simple()(denoiser, x_0, T, eps)
    torch.testing.assert_close(EDM(std)(denoiser, x_0, T, eps), expected, rtol=1e-9, atol=0)


def test_the_largest_weight_of_the_noise_is_one() -> None:
    for loss in (MinSNR(5.0), SoftMinSNR(4.0), P2(1.0, 1.0)):
        found, snrs = losses_of(loss, "eps")
        rounded = [round(value, 9) for value in found]
        assert rounded == sorted(rounded), "it grows with the noise"
        assert 0 < min(found) < max(found) < 1 + 1e-9
        assert max(found) > 1 - 2 * max(snrs[-1], 0.01)


def weight(loss: Loss, t: Tensor, process: VariancePreserving) -> Tensor:
    return loss.x_0_weight(process, t)


def test_no_signal_has_a_weight() -> None:
    process = VariancePreserving(Straight(30.0, -math.inf))
    end = torch.ones(1, dtype=torch.float64)
    for loss in (MinSNR(), SoftMinSNR(), P2(gamma=2.0)):
        assert weight(loss, end, process).tolist() == [0.0]
    assert weight(EDM(0.5), end, process).tolist() == [4.0]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: MinSNR(gamma=0.0), "gamma must be positive and finite, got 0.0"),
        (lambda: MinSNR(gamma=math.inf), "gamma must be positive and finite, got inf"),
        (lambda: SoftMinSNR(gamma=-1.0), "gamma must be positive and finite, got -1.0"),
        (lambda: P2(k=0.0), "k must be positive and finite, got 0.0"),
        (lambda: P2(gamma=-0.5), "gamma must be at least 0 and finite, got -0.5"),
        (lambda: P2(gamma=math.nan), "gamma must be at least 0 and finite, got nan"),
        (lambda: EDM(sigma_data=0.0), "sigma_data must be positive and finite, got 0.0"),
    ],
)
def test_refused_arguments(make: Callable[[], Loss], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
