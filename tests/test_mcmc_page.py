"""docs/mcmc.md tells what is measured: a few of its numbers are measured again."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from snowmelt.against_mcmc import chains, diffusion
from snowmelt.against_mcmc.measuring import true_cloud
from snowmelt.against_mcmc.quality import quality
from snowmelt.against_mcmc.scores import exact
from snowmelt.against_mcmc.settings import Settings
from snowmelt.against_mcmc.starts import one_place, wide
from snowmelt.densities import DoubleGaussian, GaussianMixture, Perturbable
from snowmelt.densities.density import Density
from snowmelt.processes import VariancePreserving
from snowmelt.schedules import Cosine

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "mcmc.md").read_text(encoding="utf-8")
SETTINGS = Settings()
# Of a mean of three, each told with two digits; arithmetic differs between machines.
TOLERANCE = 0.02
DENSITIES: dict[str, Perturbable] = {
    "Two modes": DoubleGaussian(),
    "Two modes further apart": DoubleGaussian(2.4),
}


def table(heading: str) -> dict[tuple[str, str], dict[str, str]]:
    """The table of a section: its cells by method and start, and by the column's head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    head, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {(cells[0], cells[1]): dict(zip(head, cells, strict=True)) for cells in body}


def told(cell: str) -> float:
    return float(cell.split(" ± ")[0].replace(",", ""))


def again(density: Perturbable, clouds: list[Tensor]) -> float:
    """The mean distance over the seeds."""
    distances = [
        quality(density, cloud, true_cloud(density, SETTINGS.points, seed)).wasserstein_2
        for seed, cloud in enumerate(clouds)
    ]
    return sum(distances) / len(distances)


@pytest.mark.parametrize("budget", [5, 30])
def test_a_row_of_diffusion(budget: int) -> None:
    density = DENSITIES["Two modes"]
    score = exact(density, VariancePreserving(Cosine()))
    method = diffusion.METHODS[3]
    clouds = [
        diffusion.draw(score, method.sampler(budget), SETTINGS.points, seed=seed)
        for seed in range(SETTINGS.seeds)
    ]
    row = table("Two modes")[f"{method.name}, exact score", "N(0, 1)"]
    assert told(row[str(budget)]) == pytest.approx(again(density, clouds), abs=TOLERANCE)


@pytest.mark.parametrize("heading", DENSITIES)
def test_a_row_of_chains(heading: str) -> None:
    density, method, budget = DENSITIES[heading], chains.METHODS[0], 30
    clouds = []
    for seed in range(SETTINGS.seeds):
        walk = chains.walk(
            density,
            method,
            wide(density, SETTINGS.points, seed),
            budget=budget,
            warmup=SETTINGS.warmup,
            seed=seed,
        )
        assert walk is not None
        clouds.append(walk.at(budget))
    row = table(heading)[method.name, "N(0, 1)"]
    assert told(row[str(budget)]) == pytest.approx(again(density, clouds), abs=TOLERANCE)


class Observed(Density):
    """A density times the likelihood of its first coordinate, seen with noise."""

    def __init__(self, density: GaussianMixture, value: float, noise: float) -> None:
        self.density, self.value, self.noise = density, value, noise

    def log_prob(self, x: Tensor) -> Tensor:
        away = (x[:, 0] - self.value) / self.noise
        return self.density.log_prob(x) - 0.5 * away.square()

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Of the exact posterior, which is a mixture again; of round parts only."""
        prior, noise = self.density.variances[:, 0], self.noise**2
        gain = prior / (prior + noise)
        away = self.value - self.density.means[:, 0]
        log_weights = self.density.weights.log() - 0.5 * away**2 / (prior + noise)
        means, variances = self.density.means.clone(), self.density.variances.clone()
        means[:, 0] += gain * away
        variances[:, 0] *= 1 - gain
        covariances = torch.diag_embed(variances)
        posterior = GaussianMixture(log_weights.softmax(0), means, covariances)
        return posterior.sample(n, seed=seed, dtype=dtype)


def conditional() -> tuple[float, float, float]:
    """Of a random walk on a conditional density: distance, floor, share left of 0."""
    density = Observed(DoubleGaussian(), 0.4, 0.6)
    start = wide(density, SETTINGS.points, 0)
    walk = chains.walk(density, chains.METHODS[0], start, budget=1000, warmup=300, seed=0)
    assert walk is not None
    true = density.sample(2 * SETTINGS.points, seed=5, dtype=torch.float64)
    one, two = true.chunk(2)
    cloud = walk.at(1000)
    found = quality(density, cloud, one).wasserstein_2
    least = quality(density, two, one).wasserstein_2
    return found, least, float((cloud[:, 0] < 0).double().mean())


def test_chains_need_one_line_for_a_condition() -> None:
    said = re.search(
        r"is (0\.\d+) from the exact posterior, two true clouds (0\.\d+); its share of the"
        r"\s+left mode is (0\.\d+)",
        " ".join(PAGE.split()),
    )
    assert said is not None
    assert [float(x) for x in said.groups()] == pytest.approx(conditional(), abs=TOLERANCE)


def test_where_chains_are_fooled() -> None:
    """The page says of MALA in one place that R-hat is near 1 and the weight wrong."""
    row = table("Two modes further apart")["MALA", "one place"]
    weight = next(cell for head, cell in row.items() if head.startswith("left mode"))
    assert told(weight) > 0.95
    assert float(row["R-hat, last"]) < 1.05
    density = DENSITIES["Two modes further apart"]
    start = one_place(density, 100, 0)
    walk = chains.walk(density, chains.METHODS[1], start, budget=200, warmup=100, seed=0)
    assert walk is not None
    assert float((walk.at(200)[:, 0] < 0).double().mean()) == 1.0


def test_the_picture_is_there_and_light() -> None:
    names = re.findall(r"\]\((images/[\w.]+)\)", PAGE)
    assert "images/mcmc.png" in names
    for name in names:
        assert (ROOT / "docs" / name).stat().st_size < 200_000
    assert math.isfinite(told("0.55 ± 0.02"))
