"""docs/mcmc.md tells what is measured: a few of its numbers are measured again."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from snowmelt.densities import DoubleGaussian, GaussianMixture, Perturbable
from snowmelt.densities.density import Density
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.evaluation.mcmc_benchmark import chain_clouds, sampler_clouds
from snowmelt.evaluation.mcmc_benchmark.benchmark import _FLOOR_SEED, true_cloud
from snowmelt.evaluation.mcmc_benchmark.benchmark_table import CONVERGED, standard_error
from snowmelt.evaluation.mcmc_benchmark.chain_starts import single_point, standard_normal
from snowmelt.evaluation.mcmc_benchmark.cloud_quality import floor, quality, weight
from snowmelt.evaluation.mcmc_benchmark.score_models import exact
from snowmelt.evaluation.settings import MCMCSettings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "mcmc.md").read_text(encoding="utf-8")
SETTINGS = MCMCSettings()
# Of a mean of three, each told with two digits; arithmetic differs between machines.
TOLERANCE = 0.02
DENSITIES: dict[str, Perturbable] = {
    "Two modes": DoubleGaussian(),
    "Two modes further apart": DoubleGaussian(2.4),
}


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def floor_told(heading: str) -> tuple[int, float, float]:
    """Pairs, their mean, and its standard error."""
    said = re.search(
        r"over (\d+) pairs of true clouds is (0\.\d+) with a standard error of (0\.\d+)\.",
        section(heading),
    )
    assert said is not None
    return int(said[1]), float(said[2]), float(said[3])


def table(heading: str) -> dict[tuple[str, str], dict[str, str]]:
    """The table of a section: its cells by method and start, and by the column's head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
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


def test_the_floor_and_how_sure_it_is() -> None:
    pairs, mean, error = floor_told("Two modes")
    assert pairs == SETTINGS.floor_pairs
    found = floor(DENSITIES["Two modes"], SETTINGS.points, pairs, seed=_FLOOR_SEED)
    distances = [one.wasserstein_2 for one in found]
    assert sum(distances) / pairs == pytest.approx(mean, abs=0.003)
    assert standard_error(distances) == pytest.approx(error, abs=0.001)
    assert error < mean / 15


@pytest.mark.parametrize("heading", [*DENSITIES, "One mode"])
def test_the_column_of_arrival_follows_from_the_row(heading: str) -> None:
    """As far as cells of two digits tell: with a hundredth more or less it would be so."""
    pairs, mean, _ = floor_told(heading)
    seeds = 2 if heading == "One mode" else SETTINGS.seeds
    rows = table(heading)
    last = rows.pop(("**two true clouds**", ""))
    assert pairs == SETTINGS.floor_pairs
    for budget in SETTINGS.budgets:
        assert told(last[f"{budget:,}"]) == pytest.approx(mean, abs=0.006)
    for cells in rows.values():
        arrived = [
            arrival_told(cells, CONVERGED * mean + slack, seeds)
            for slack in (0.011, -0.011)
        ]
        said = cells[f"within {CONVERGED} x floor at"]
        last_chance = math.inf if said == "never" else told(said)
        assert arrived[0] <= last_chance <= arrived[1]


def arrival_told(cells: dict[str, str], limit: float, seeds: int) -> float:
    """The least budget from which on the cells stay within a limit."""
    arrived = math.inf
    for budget in reversed(SETTINGS.budgets):
        cell = cells[f"{budget:,}"]
        if not cell:
            continue
        mean, spread = map(float, cell.split(" ± "))
        if mean - spread / math.sqrt(seeds) > limit:
            break
        arrived = budget
    return arrived


def test_the_chance_that_all_rows_share() -> None:
    said = re.search(
        r"chance (0\.\d+), (0\.\d+) and (0\.\d+) of the points, and fresh true clouds are"
        r" on average (0\.\d+) from these",
        " ".join(PAGE.split()),
    )
    assert said is not None
    density = DENSITIES["Two modes"]
    distances = []
    for seed in range(SETTINGS.seeds):
        true = true_cloud(density, SETTINGS.points, seed)
        assert weight(density, true) == pytest.approx(float(said[seed + 1]), abs=1e-3)
        fresh = density.sample(6 * SETTINGS.points, seed=100 + seed, dtype=torch.float64)
        distances += [quality(density, x, true).wasserstein_2 for x in fresh.chunk(6)]
    expected = pytest.approx(float(said[4]), abs=3 * standard_error(distances))
    assert sum(distances) / len(distances) == expected


def test_what_training_costs_is_counted_as_is_said() -> None:
    said = re.search(
        r"with ([\d,]+) calls on .* at three evaluations a call, as much as ([\d,]+) chains"
        r" of ([\d,]+) evaluations each",
        " ".join(PAGE.split()),
    )
    assert said is not None
    calls, chained, each = (int(told(x)) for x in said.groups())
    assert 3 * calls == chained * each
    row = table("Two modes")["DDPM chain, learned score", "N(0, 1)"]
    assert told(row["training"]) == calls


@pytest.mark.parametrize("budget", [5, 30])
def test_a_row_of_diffusion(budget: int) -> None:
    density = DENSITIES["Two modes"]
    score = exact(density, VariancePreserving(Cosine()))
    method = sampler_clouds.METHODS[3]
    clouds = [
        sampler_clouds.draw(score, method.sampler(budget), SETTINGS.points, seed=seed)
        for seed in range(SETTINGS.seeds)
    ]
    row = table("Two modes")[f"{method.name}, exact score", "N(0, 1)"]
    assert told(row[str(budget)]) == pytest.approx(again(density, clouds), abs=TOLERANCE)


@pytest.mark.parametrize("heading", DENSITIES)
def test_a_row_of_chains(heading: str) -> None:
    density, method, budget = DENSITIES[heading], chain_clouds.METHODS[0], 30
    clouds = []
    for seed in range(SETTINGS.seeds):
        walk = chain_clouds.chain_run(
            density,
            method,
            standard_normal(density, SETTINGS.points, seed),
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
    start = standard_normal(density, SETTINGS.points, 0)
    walk = chain_clouds.chain_run(
        density, chain_clouds.METHODS[0], start, budget=1000, warmup=300, seed=0
    )
    assert walk is not None
    cloud = walk.at(1000)
    true = density.sample(8 * SETTINGS.points, seed=6, dtype=torch.float64).chunk(8)
    found = [quality(density, cloud, one).wasserstein_2 for one in true]
    least = [one.wasserstein_2 for one in floor(density, SETTINGS.points, 24, seed=5)]
    share = float((cloud[:, 0] < 0).double().mean())
    return sum(found) / len(found), sum(least) / len(least), share


def test_chains_need_one_line_for_a_condition() -> None:
    said = re.search(
        r"is (0\.\d+) from true draws of the exact posterior, two true clouds (0\.\d+) on"
        r" average; its share of the left mode is (0\.\d+)",
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
    start = single_point(density, 100, 0)
    walk = chain_clouds.chain_run(
        density, chain_clouds.METHODS[1], start, budget=200, warmup=100, seed=0
    )
    assert walk is not None
    assert float((walk.at(200)[:, 0] < 0).double().mean()) == 1.0


def test_the_picture_is_there_and_light() -> None:
    names = re.findall(r"\]\((images/[\w.]+)\)", PAGE)
    assert "images/mcmc.png" in names
    for name in names:
        assert (ROOT / "docs" / name).stat().st_size < 200_000
    assert math.isfinite(told("0.55 ± 0.02"))


@pytest.mark.parametrize(
    ("row", "heading"),
    [
        ("two modes, 1.6 apart", "Two modes"),
        ("two modes, 2.4 apart", "Two modes further apart"),
        ("one mode", "One mode"),
    ],
)
def test_the_summary_follows_from_the_tables(row: str, heading: str) -> None:
    lines = [line for line in section("In short").splitlines() if line.startswith("| ")]
    cells = {
        first: rest
        for first, *rest in ([c.strip() for c in x.strip("|").split("|")] for x in lines)
    }
    walk, others, diffusion = cells[row]
    column = f"within {CONVERGED} x floor at"
    within = {
        name: one[column]
        for (name, start), one in table(heading).items()
        if start == "N(0, 1)"
    }
    assert (
        walk.removesuffix(" evaluations").removesuffix(" in 1,000") == within["random walk"]
    )
    of_diffusion = [int(at) for name, at in within.items() if name.endswith("exact score")]
    assert diffusion == f"{min(of_diffusion)} to {max(of_diffusion)} calls"
    chained = {
        name: within[name] for name in ("MALA", "Hamiltonian", "Langevin, unadjusted")
    }
    if set(chained.values()) == {"never"}:
        assert others == "never in 1,000"
    else:
        said = [f"{name.partition(',')[0]} {at}" for name, at in chained.items()]
        assert others == ", ".join(said)
