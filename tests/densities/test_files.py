"""What every density of conf/density keeps, found there by its file."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.combinations import close, double

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.densities import Perturbable
from snowmelt.diffusion.predictions import X0
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "conf" / "density").glob("*.yaml"))
every_density = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
PROCESS = VariancePreserving(Cosine())
MANY = 12_000


@functools.cache
def density(file: Path) -> Perturbable:
    return build(OmegaConf.load(file), Perturbable, root=ROOT)


@functools.cache
def draws(file: Path) -> torch.Tensor:
    return density(file).sample(MANY, seed=0, dtype=torch.float64)


@functools.cache
def by_chance(file: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Places that are even in the box around the draws, and the density times the box."""
    low, high = draws(file).amin(0), draws(file).amax(0)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    generator = torch.Generator().manual_seed(0)
    inside = torch.rand(MANY, len(low), generator=generator, dtype=torch.float64)
    x = low + (high - low) * inside
    return x, density(file).log_prob(x).exp() * (high - low).prod()


def test_they_are_all_there() -> None:
    names = {"double_gaussian", "gaussian", "mixture", "grid", "picture", "llama"}
    assert names | {"checkerboard"} <= {file.stem for file in FILES}


@every_density
def test_a_misspelt_key_is_refused(file: Path) -> None:
    node = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(node, dict)
    with pytest.raises(UserError, match="colour"):
        build(node | {"colour": 1}, Perturbable, root=ROOT)


@every_density
def test_the_draws_are_all_likely_and_keyed(file: Path) -> None:
    x = draws(file)
    assert x.shape[0] == MANY
    assert density(file).log_prob(x[:2000]).isfinite().all()
    again = density(file).sample(5, seed=0)
    close(again, x[:5].float(), rtol=1e-6, atol=1e-7)
    assert not torch.equal(again, density(file).sample(5, seed=1))


@every_density
def test_the_integral_is_one(file: Path) -> None:
    _, share = by_chance(file)
    error = float(share.std()) / math.sqrt(MANY)
    assert float(share.mean()) == pytest.approx(1.0, abs=4 * error)
    assert error < 0.03


@every_density
def test_draws_follow_the_density(file: Path) -> None:
    """Means over draws against means over even places, weighted by the density."""
    x, (even, share) = draws(file), by_chance(file)
    spread, middle = x.std(0), x.mean(0)
    generator = torch.Generator().manual_seed(1)
    waves = torch.randn(x.shape[1], 24, generator=generator, dtype=torch.float64)
    turns = 6.0 * torch.rand(24, generator=generator, dtype=torch.float64)
    for frequency in (1.0, 5.0):
        mine, theirs = (
            torch.cos(frequency * ((places - middle) / spread) @ waves + turns)
            for places in (x, even)
        )
        weighted = theirs * share[:, None]
        error = (mine.var(0) + weighted.var(0)).div(MANY).sqrt()
        # The largest of 24 normal numbers exceeds 4.5 once in six thousand times.
        assert ((mine.mean(0) - weighted.mean(0)).abs() < 4.5 * error).all()


@every_density
def test_the_score_is_the_gradient(file: Path) -> None:
    ours = density(file)
    generator = torch.Generator().manual_seed(2)
    x = draws(file)[:200]
    x = x + 0.05 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    for noisy in (ours, ours.at(PROCESS, double(0.2)[0])):
        point = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(noisy.log_prob(point).sum(), point)
        assert slope.isfinite().all()
        scale = float(slope.abs().max())
        close(noisy.score(x), slope, rtol=1e-6, atol=1e-8 * scale)
        assert scale > 0


@every_density
def test_the_exact_denoiser_is_what_the_data_says(file: Path) -> None:
    """Against the mean of draws, each weighted by how well it explains the noisy state."""
    x_0, t = draws(file), double(0.5)[0]
    x_0 = x_0 / x_0.std()
    ours = density(file).standardised(torch.zeros(x_0.shape[1]), float(draws(file).std()))
    alpha, sigma = PROCESS.alpha(t), PROCESS.sigma(t)
    x_t = ours.at(PROCESS, t).sample(40, seed=3, dtype=torch.float64)
    away = (x_t[:, None] - alpha * x_0) / sigma
    weight = (-0.5 * away.square().sum(2)).softmax(1)
    mean = torch.einsum("bn,nd->bd", weight, x_0)
    residual = weight[:, :, None] * (x_0 - mean[:, None])
    error = residual.square().sum(1).sqrt()
    found = ours.denoiser(PROCESS, X0()).x_0(x_t, t.expand(40))
    assert ((found - mean).abs() < 4.5 * error).all()
    assert float(error.max()) < 0.2 * float((x_t / alpha - mean).abs().max())
