"""Guidance by a measurement, exact where the data is DDIM."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.operators import Blur, Downsample, Gray, LinearOperator
from snowmelt.diffusion.predictions import Prediction, V
from snowmelt.diffusion.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Cosine, Linear
from snowmelt.sampling.guidance.guidance import Conditioning, Draw
from snowmelt.sampling.guidance.masks import Keep, Scattered, Side
from snowmelt.sampling.guidance.measurement import Measurement, PseudoinverseGuided
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ddim import DDIM

PREDICTIONS = sorted((Path(__file__).parents[3] / "conf" / "prediction").glob("*.yaml"))
every_prediction = pytest.mark.parametrize("file", PREDICTIONS, ids=lambda file: file.stem)
PROCESSES = {
    "vp": VariancePreserving(Cosine()),
    "ve": VarianceExploding(Linear()),
    "sub_vp": SubVariancePreserving(Linear()),
}
every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
MEAN, STD, SHAPE = 0.2, 0.5, (3, 4, 4)
OPERATORS = {
    "keep": Keep(Scattered(0.5)),
    "downsample": Downsample(2),
    "gray": Gray(),
    "blur": Blur(0.7),
}


class Knowing(nn.Module):
    """The exact answer for data N(MEAN, STD^2)."""

    def __init__(self, prediction: Prediction) -> None:
        super().__init__()
        self.prediction = prediction
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        share = torch.sigmoid(log_snr.to(x.dtype)).reshape(-1, *[1] * (x.ndim - 1))
        alpha, sigma = share.sqrt(), (1 - share).sqrt()
        x = x / self.prediction.input_scale(alpha, sigma)
        eps = sigma * (x - alpha * MEAN) / (share * STD**2 + 1 - share)
        x_0 = MEAN + alpha * STD**2 / (share * STD**2 + 1 - share) * (x - alpha * MEAN)
        return self.prediction.target(x_0, eps, alpha, sigma)


class Crooked(nn.Module):
    """Some smooth answer whose Jacobian is neither diagonal nor symmetric."""

    def __init__(self, size: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        weights = torch.randn(2, size, size, generator=generator, dtype=torch.float64)
        self.first, self.second = 0.3 * weights

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        level = 0.1 * log_snr[:, None] + (0 if labels is None else labels[:, None])
        return (torch.tanh(x.flatten(1) @ self.first + level) @ self.second).reshape(
            x.shape
        )


def matrix(operator: LinearOperator, shape: tuple[int, ...]) -> Tensor:
    size = torch.Size(shape).numel()
    unit = torch.eye(size, dtype=torch.float64).reshape(size, 1, *shape)
    return torch.stack([operator(x).flatten() for x in unit], dim=1)


def randn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def posterior(
    dense: Tensor, y: Tensor, mean: Tensor, variance: float, noise: float
) -> tuple[Tensor, Tensor]:
    """Mean and covariance of N(mean, variance) given y = A x + noise, by linear algebra."""
    gram = variance * dense @ dense.T + noise**2 * torch.eye(
        len(dense), dtype=torch.float64
    )
    gain = variance * dense.T @ torch.linalg.pinv(gram)
    covariance = variance * (torch.eye(dense.shape[1], dtype=torch.float64) - gain @ dense)
    return mean + gain @ (y - dense @ mean), covariance


@every_prediction
@every_process
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_estimate_is_the_mean_given_the_state_and_the_measurement(
    file: Path, process: Process, name: str, noise: float
) -> None:
    operator = OPERATORS[name].at(torch.tensor([4]), SHAPE, seed=0)
    prediction = build(OmegaConf.load(file), Prediction)
    denoiser = Denoiser(Knowing(prediction), process, prediction)
    x_t, x_0 = randn(1, *SHAPE), randn(1, *SHAPE, seed=1)
    y = operator(x_0)
    guided = PseudoinverseGuided(denoiser, operator, y, noise, STD)
    dense = matrix(operator, SHAPE)
    for time in (0.15, 0.5, 0.85):
        t = torch.tensor([time], dtype=torch.float64)
        alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
        free = MEAN + alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * (x_t - alpha * MEAN)
        spread = (STD * sigma) ** 2 / ((STD * alpha) ** 2 + sigma**2)
        wanted, _ = posterior(dense, y.flatten(), free.flatten(), spread, noise)
        x_0_hat, eps_hat = guided.estimates(x_t, t)
        torch.testing.assert_close(x_0_hat.flatten(), wanted, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(alpha * x_0_hat + sigma * eps_hat, x_t)
        torch.testing.assert_close(guided.score(x_t, t), -eps_hat / sigma)
        assert not x_0_hat.requires_grad


@every_prediction
@every_process
def test_the_pull_goes_through_the_networks_jacobian(file: Path, process: Process) -> None:
    prediction = build(OmegaConf.load(file), Prediction)
    shape, noise, std = (1, 2, 4), 0.2, 0.8
    denoiser = Denoiser(Crooked(8), process, prediction)
    operator = Downsample(2)
    x_t, y, t = (
        randn(2, *shape),
        randn(2, 1, 1, 2, seed=1),
        torch.tensor([0.3, 0.6]).double(),
    )
    found = PseudoinverseGuided(denoiser, operator, y, noise, std).x_0(x_t, t)
    dense = matrix(operator, shape)
    for row in range(2):
        at = t[row : row + 1]
        alpha, sigma = float(process.alpha(at)), float(process.sigma(at))
        jacobian = torch.autograd.functional.jacobian(
            lambda x, at=at: denoiser.x_0(x.reshape(1, *shape), at).flatten(),
            x_t[row].flatten(),
        )
        free = denoiser.x_0(x_t[row : row + 1], at).flatten()
        spread = (std * sigma) ** 2 / ((std * alpha) ** 2 + sigma**2)
        gram = spread * dense @ dense.T + noise**2 * torch.eye(2, dtype=torch.float64)
        pull = dense.T @ torch.linalg.solve(gram, y[row].flatten() - dense @ free)
        wanted = free + sigma**2 / alpha * jacobian.T @ pull
        torch.testing.assert_close(found[row].flatten(), wanted, rtol=1e-8, atol=1e-8)


def test_without_signal_the_data_is_taken_for_gaussian() -> None:
    class Ending(VariancePreserving):
        """One that leaves nothing of the data at t = 1."""

        def alpha(self, t: Tensor) -> Tensor:
            return torch.where(t < 1, super().alpha(t), 0.0)

        def sigma(self, t: Tensor) -> Tensor:
            return torch.where(t < 1, super().sigma(t), 1.0)

    denoiser = Denoiser(Knowing(V()), Ending(Cosine()), V())
    operator, x_t, y = Downsample(2), randn(1, *SHAPE), randn(1, 3, 2, 2, seed=1)
    found = PseudoinverseGuided(denoiser, operator, y, 0.1, STD).x_0(
        x_t, torch.ones(1, dtype=torch.float64)
    )
    free = denoiser.x_0(x_t, torch.ones(1, dtype=torch.float64))
    wanted, _ = posterior(
        matrix(operator, SHAPE), y.flatten(), free.detach().flatten(), STD**2, 0.1
    )
    torch.testing.assert_close(found.flatten(), wanted)


def test_labels_and_a_learned_variance_pass_through() -> None:
    class Both(Crooked):
        def forward(
            self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None
        ) -> Tensor:
            answer = super().forward(x, log_snr, labels)
            return torch.cat((answer, torch.cos(answer)), dim=1)

    process, t = PROCESSES["vp"], torch.tensor(0.4, dtype=torch.float64)
    x_t, y = randn(2, 8), randn(2, 8, seed=1)
    operator = Keep(Side(0.5)).at(torch.arange(2), (8,), seed=0)
    labels = torch.tensor([0, 1])
    denoiser = Denoiser(Both(8), process, V(), learned_variance=True)
    guided = PseudoinverseGuided(denoiser, operator, y).with_labels(labels)
    output, share = guided.with_variance(x_t, t)
    assert torch.equal(share, denoiser.with_labels(labels).with_variance(x_t, t)[1])
    assert not share.requires_grad
    plain = Denoiser(Crooked(8), process, V()).with_labels(labels)
    torch.testing.assert_close(output, PseudoinverseGuided(plain, operator, y)(x_t, t))


def test_it_works_where_gradients_are_off_and_leaves_them_off() -> None:
    denoiser = Denoiser(Knowing(V()), PROCESSES["vp"], V())
    guided = PseudoinverseGuided(denoiser, Downsample(2), randn(1, 3, 2, 2))
    with torch.no_grad():
        found = guided.x_0(randn(1, *SHAPE), torch.tensor(0.5, dtype=torch.float64))
        assert not torch.is_grad_enabled()
    assert found.isfinite().all()
    assert denoiser.net.weight.grad is None


def test_a_batch_of_another_size_is_refused() -> None:
    denoiser = Denoiser(Knowing(V()), PROCESSES["vp"], V())
    guided = PseudoinverseGuided(denoiser, Downsample(2), randn(1, 3, 2, 2))
    with pytest.raises(ValueError, match="1 examples do not fit a batch of 2"):
        guided(randn(2, *SHAPE), torch.tensor(0.5))


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_samples_are_drawn_from_the_density_given_the_measurement(noise: float) -> None:
    shape, count = (1, 2, 2), 2500
    truth = torch.tensor([[[0.9, 0.1], [-0.4, 0.6]]])
    conditioning = Conditioning(
        shape, examples=lambda index: truth.expand(len(index), *shape)
    )
    guidance = Measurement(Downsample(2), noise_std=noise, data_std=STD)
    denoiser = Denoiser(Knowing(V()), PROCESSES["vp"], V())
    index = torch.arange(count)
    operator, y = guidance.measured(index, conditioning, seed=2)
    x = guidance.draw(
        Draw(denoiser, DDIM(100, eta=1.0), index, conditioning, seed=2)
    ).double()
    dense = matrix(operator, shape)
    # Every sample has a measurement of its own: what is left of it is the same for all.
    centre = torch.full((4,), MEAN, dtype=torch.float64)
    means = torch.stack(
        [posterior(dense, row.double().flatten(), centre, STD**2, noise)[0] for row in y]
    )
    _, covariance = posterior(dense, y[0].double().flatten(), centre, STD**2, noise)
    rest = x.flatten(1) - means
    assert float(rest.mean(0).abs().max()) < 0.04
    torch.testing.assert_close(torch.cov(rest.T), covariance, rtol=0, atol=0.035)


def test_the_measurement_is_keyed_and_noisy_as_asked() -> None:
    shape = (1, 8, 8)
    conditioning = Conditioning(
        shape, examples=lambda index: torch.zeros(len(index), *shape)
    )
    guidance = Measurement(Keep(Side(0.5)), noise_std=0.3)
    index = torch.arange(100)
    operator, y = guidance.measured(index, conditioning, seed=1)
    assert float(y[..., :4].std()) == pytest.approx(0.3, rel=0.05)
    assert not y[..., 4:].any()
    row = guidance.measured(index[7:8], conditioning, seed=1)[1]
    assert torch.equal(row[0], y[7])
    assert not torch.equal(guidance.measured(index, conditioning, seed=2)[1], y)
    assert torch.equal(guidance.seen(index, conditioning, seed=1), operator.shown(y))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"noise_std": -0.1}, "noise_std must not be negative, got -0.1"),
        ({"noise_std": float("nan")}, "noise_std"),
        ({"data_std": 0.0}, "data_std must be positive, got 0.0"),
    ],
)
def test_refused_arguments(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Measurement(Downsample(2), **arguments)


def test_what_cannot_be_measured_is_refused() -> None:
    def nothing(index: Tensor) -> Tensor:
        return torch.zeros(len(index), 1, 8, 8)

    guidance = Measurement(Downsample(3))
    with pytest.raises(ValueError, match="none were given"):
        guidance.check(Conditioning((1, 9, 9)), DDIM(3))
    with pytest.raises(ValueError, match="does not divide images of 8x8"):
        guidance.check(Conditioning((1, 8, 8), examples=nothing), DDIM(3))
    with pytest.raises(ValueError, match="Adaptive chooses its own steps"):
        guidance.check(Conditioning((1, 9, 9), examples=nothing), Adaptive())
