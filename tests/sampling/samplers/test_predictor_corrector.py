"""The corrector: where its walk ends, and what it does for a predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.sampling.samplers import exact
from tests.sampling.samplers.exact import MEAN, STD
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, LinearBetas
from snowmelt.sampling.samplers.adaptive import Adaptive
from snowmelt.sampling.samplers.ancestral_variances import Learned
from snowmelt.sampling.samplers.ddim import DDIM
from snowmelt.sampling.samplers.grids import Leading, Trailing
from snowmelt.sampling.samplers.predictor_corrector import (
    MeanLengths,
    OwnLengths,
    PredictorCorrector,
    StepSize,
)
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.sampling.samplers.thresholds import Clip

CONF = Path(__file__).parents[3] / "conf" / "sampler"
Make = Callable[..., Denoiser]
RATIO = 0.16
VE = VarianceExploding(Geometric(0.01, 50.0))


class Stay(Sampler):
    """A predictor that does nothing."""

    order = 1

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        assert len(noise) == 0
        return x_t


def kept(process: Process, t: Tensor, s: Tensor) -> float:
    return float((process.alpha(t) / process.alpha(s)) ** 2)


@pytest.mark.parametrize(
    "process", [VariancePreserving(Cosine()), VE], ids=["preserving", "exploding"]
)
@pytest.mark.parametrize("size", [None, OwnLengths()], ids=["mean", "own"])
def test_a_correction_is_songs(
    process: Process, size: StepSize | None, gaussian_denoiser: Make
) -> None:
    # Algorithms 4 and 5: g the score, e = 2 a (r |z| / |g|)^2, x + e g + sqrt(2 e) z.
    torch.manual_seed(0)
    x, z = torch.randn(2, 5, 3, 4, dtype=torch.float64).unbind()
    x = 3.0 * x
    t, s = torch.tensor([0.8, 0.7], dtype=torch.float64)
    sampler = PredictorCorrector(2, Stay(2), 1, RATIO, size)
    denoiser = gaussian_denoiser(process)
    found = sampler.step(denoiser, x, t, s, z[None], {})
    score, sigma = denoiser.score(x, s), float(process.sigma(s))
    for k in range(5):
        lengths = float(z[k].norm() / score[k].norm()) if size else sigma
        e = 2 * kept(process, t, s) * (RATIO * lengths) ** 2
        expected = x[k] + e * score[k] + math.sqrt(2 * e) * z[k]
        torch.testing.assert_close(found[k], expected, rtol=1e-9, atol=1e-9)


def test_the_factor_of_a_chain_is_its_own(gaussian_denoiser: Make) -> None:
    # From index k to k - 1 of a chain, (alpha_t / alpha_s)^2 is Ho's 1 - beta_k.
    steps = 30
    process = VariancePreserving(LinearBetas(steps))
    beta = 1000 / steps * (1e-4 + 14 / (steps - 1) * (0.02 - 1e-4))
    t, s = torch.tensor([15 / steps, 14 / steps], dtype=torch.float64)
    x, z = torch.zeros(1, 1).double(), torch.ones(1, 1, 1).double()
    denoiser = gaussian_denoiser(process, V(), mean=0.0)
    found = PredictorCorrector(2, Stay(2), 1, RATIO).step(denoiser, x, t, s, z, {})
    e = 2 * (1 - beta) * RATIO**2 * float(process.sigma(s)) ** 2
    assert float(found) == pytest.approx(math.sqrt(2 * e), rel=1e-9)


@pytest.mark.parametrize("process", [VariancePreserving(Cosine()), VE], ids=["vp", "ve"])
@pytest.mark.parametrize("ratio", [0.16, 0.5])
def test_a_long_walk_ends_in_the_marginal_but_for_its_bias(
    process: Process, ratio: float, gaussian_denoiser: Make
) -> None:
    t, s = torch.tensor([0.61, 0.6], dtype=torch.float64)
    walk = 800
    sampler = PredictorCorrector(2, Stay(2), walk, ratio)
    probes = torch.cat((torch.zeros(1, walk + 1), torch.eye(walk + 1))).double()
    x, noise = probes[:, :1], probes[:, 1:].T.reshape(walk, walk + 2, 1)
    denoiser = gaussian_denoiser(process, V(), MEAN, STD)
    with torch.no_grad():
        out = sampler.step(denoiser, x, t, s, noise, {}).flatten()
    responses = out[1:] - out[0]
    alpha, sigma = float(process.alpha(s)), float(process.sigma(s))
    true = (alpha * STD) ** 2 + sigma**2
    e = 2 * kept(process, t, s) * ratio**2 * sigma**2
    # Nothing is left of where it began.
    assert abs(float(responses[0])) < 1e-6
    assert float(out[0]) == pytest.approx(alpha * MEAN, abs=1e-6)
    biased = true / (1 - e / (2 * true))
    assert float((responses[1:] ** 2).sum()) == pytest.approx(biased, rel=1e-6)
    assert biased == pytest.approx(true, rel=1.2 * ratio**2)


def test_with_own_lengths_a_walk_in_many_dimensions_is_off_by_the_ratio_squared(
    gaussian_denoiser: Make,
) -> None:
    # Where the lengths have settled, e = 2 r^2 v^2 / V; V (1 - e/v)^2 + 2 e = V gives
    # V = v (1 + r^2).
    generator = torch.Generator().manual_seed(0)
    ratio, t, s = 0.3, *torch.tensor([0.5 + 1e-9, 0.5], dtype=torch.float64)
    sampler = PredictorCorrector(2, Stay(2), 1, ratio, OwnLengths())
    denoiser = gaussian_denoiser(None, V(), 0.0, STD)
    alpha, sigma = float(denoiser.process.alpha(s)), float(denoiser.process.sigma(s))
    true = (alpha * STD) ** 2 + sigma**2
    x, found = torch.zeros(8, 4096).double() + 0.5, []
    with torch.no_grad():
        for number in range(120):
            z = torch.randn(1, 8, 4096, generator=generator, dtype=torch.float64)
            x = sampler.step(denoiser, x, t, s, z, {})
            if number >= 60:
                found.append(float(x.square().mean()))
    assert sum(found) / len(found) == pytest.approx(true * (1 + ratio**2), rel=0.01)


def test_own_lengths_go_no_further_than_the_estimate_of_the_data(
    gaussian_denoiser: Make,
) -> None:
    denoiser, s = gaussian_denoiser(None, V(), 0.0), torch.tensor(0.5).double()
    alpha, sigma = denoiser.process.alpha(s), denoiser.process.sigma(s)
    x, z = torch.full((1, 4), 1e-3).double(), torch.full((1, 1, 4), 0.1).double()
    sampler = PredictorCorrector(2, Stay(2), 1, RATIO, OwnLengths())
    found = sampler.step(denoiser, x, s, s, z, {})
    expected = alpha * denoiser.x_0(x, s) + math.sqrt(2) * sigma * z[0]
    torch.testing.assert_close(found, expected)
    # Not even where the score is zero.
    found = sampler.step(denoiser, torch.zeros_like(x), s, s, z, {})
    torch.testing.assert_close(found, math.sqrt(2) * sigma * z[0])


@pytest.mark.parametrize("schedule", [Cosine(), Linear()], ids=["cosine", "linear"])
@pytest.mark.parametrize("steps", [10, 40])
def test_corrections_bring_a_sampler_nearer_to_the_truth(
    schedule: Cosine | Linear, steps: int
) -> None:
    denoiser = exact.gaussian_denoiser(VariancePreserving(schedule))
    predictor = DDIM(steps, eta=1.0)
    errors = [
        exact.error(denoiser, PredictorCorrector(steps, predictor, corrections))
        for corrections in (0, 1, 3)
    ]
    assert errors[0] == pytest.approx(exact.error(denoiser, predictor), rel=1e-9)
    assert errors[0] > errors[1] > errors[2]


def test_the_predictor_takes_grid_steps_and_threshold_of_the_whole() -> None:
    predictor = DDIM(7, eta=1.0, grid=Leading(10))
    sampler = PredictorCorrector(5, predictor, 2, threshold=Clip())
    assert sampler.predictor.steps == 5
    assert isinstance(sampler.predictor.grid, Trailing)
    assert isinstance(sampler.predictor.threshold, Clip)
    assert (predictor.steps, predictor.threshold) == (7, None)
    assert isinstance(predictor.grid, Leading)


def test_what_it_declares() -> None:
    sampler = PredictorCorrector(5, EulerMaruyama(9), 2)
    assert (sampler.order, sampler.draws, sampler.evaluations) == (1, 3, 5 + 4 * 2)
    assert sampler.needs_finite_slope
    assert not sampler.needs_learned_variance
    learned = PredictorCorrector(5, DDIM(5, 1.0, Learned()))
    assert learned.needs_learned_variance
    assert not learned.needs_finite_slope
    assert PredictorCorrector(5, DDIM(5), 1).draws == 1


def test_the_predictor_gets_the_first_noise_and_the_corrector_the_rest(
    gaussian_denoiser: Make,
) -> None:
    denoiser, x = gaussian_denoiser(), torch.tensor([[0.4]]).double()
    t, s = torch.tensor([0.5, 0.4], dtype=torch.float64)
    z = torch.tensor([1.0, -2.0, 0.7]).double().reshape(3, 1, 1)
    predictor = DDIM(2, eta=1.0)
    found = PredictorCorrector(2, predictor, 2).step(denoiser, x, t, s, z, {})
    only = PredictorCorrector(2, Stay(2), 1)
    expected = predictor.step(denoiser, x, t, s, z[:1], {})
    for k in (1, 2):
        expected = only.step(denoiser, expected, t, s, z[k : k + 1], {})
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("file", sorted(CONF.glob("langevin*.yaml")), ids=lambda f: f.stem)
def test_the_steps_of_the_configuration_are_those_of_its_predictor(file: Path) -> None:
    node = OmegaConf.load(file)
    node.steps = 17
    sampler = build(node, PredictorCorrector)
    assert OmegaConf.to_container(node, resolve=True)["predictor"]["steps"] == 17
    assert isinstance(sampler.size, MeanLengths if file.stem == "langevin" else OwnLengths)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"corrections": -1}, "corrections must be at least 0, got -1"),
        ({"signal_to_noise": 0.0}, "signal_to_noise must lie between 0 and .*, got 0.0"),
        ({"signal_to_noise": 0.8}, "signal_to_noise must lie between 0 and .*, got 0.8"),
        ({"predictor": Adaptive(4)}, "predictor must take its steps one by one, got Adapt"),
    ],
)
def test_refused_arguments(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PredictorCorrector(**{"steps": 5, "predictor": DDIM(5)} | arguments)


class Counts(Stay):
    """A predictor that counts its steps in the trajectory's memory."""

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        memory["steps"] = memory.get("steps", 0) + 1
        return x_t


def test_the_predictor_keeps_its_memory(gaussian_denoiser: Make) -> None:
    walk, memory = PredictorCorrector(8, predictor=Counts(8), corrections=1), {}
    t, s = torch.tensor([0.5, 0.4], dtype=torch.float64)
    for _ in range(3):
        walk.step(gaussian_denoiser(), torch.ones(2, 2), t, s, torch.ones(1, 2, 2), memory)
    assert memory == {"steps": 3}
