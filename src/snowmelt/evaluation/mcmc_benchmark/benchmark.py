"""Runs the benchmark: every method, from every start, at every budget, over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from snowmelt.densities import Density
from snowmelt.densities.mcmc import diagnostics
from snowmelt.evaluation.mcmc_benchmark import chain_clouds, sampler_clouds
from snowmelt.evaluation.mcmc_benchmark.chain_starts import STARTS
from snowmelt.evaluation.mcmc_benchmark.cloud_quality import (
    Quality,
    floor,
    quality,
    true_weight,
)
from snowmelt.evaluation.settings import MCMCSettings

DIAGNOSED = 64  # chains; R-hat and effective sample size need no more
_FEWEST_STATES = 8
# Of the true draws and of the floor, apart from those of the points.
_TRUE_SEED, _FLOOR_SEED = 2**40, 2**41
# Chains with the same noise would coalesce wherever they started.
_NEXT_START = 2**42
TRACED, TRACED_EVALUATIONS = 8, 300
NOISE = "N(0, 1)"


@dataclass(frozen=True)
class Row:
    """The results of one cloud.

    Attributes:
        family: "chain", "exact score" or "learned score".
        start: of chains, a name of `STARTS`.
        budget: evaluations a point that might be spent.
        evaluations: those that were spent.
        training: evaluations of the network in training, for all points together.
        rhat, ess, draw_cost: of the later half of the chains: agreement, effective draws a
            chain, and evaluations for each.
        acceptance, size: of the proposals after tuning, and of a step.
    """

    method: str
    family: str
    start: str
    budget: int
    evaluations: int
    seed: int
    quality: Quality
    training: int = 0
    rhat: float | None = None
    ess: float | None = None
    draw_cost: float | None = None
    acceptance: float | None = None
    size: float | None = None


@dataclass(frozen=True)
class Trace:
    """The first coordinate of a few points, evaluation by evaluation.

    Attributes:
        evaluations: (K,), states: (K, TRACED).
    """

    title: str
    is_chain: bool
    evaluations: NDArray[np.float64]
    states: NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """All clouds, the floor, and a few paths.

    Attributes:
        floor: of pairs of true clouds.
        weight: the true one of the leftmost mode, if there are modes.
    """

    rows: list[Row]
    floor: list[Quality]
    weight: float | None
    traces: list[Trace]
    settings: MCMCSettings


def measure(
    density: Density,
    scores: list[sampler_clouds.Score],
    settings: MCMCSettings,
    *,
    seed: int,
) -> Measured:
    """Every cloud of every method.

    Args:
        scores: the exact one and perhaps a learned one.
        seed: the first; the others follow it.

    Raises:
        UserError: the density is zero where chains start.
        ValueError: a sampler does not go with the process of a score.
    """
    rows: list[Row] = []
    traces: list[Trace] = []
    walks = len(STARTS) * (len(chain_clouds.METHODS) + 1)
    draws = len(settings.calls) * sum(len(_samplers(score)) for score in scores)
    total = settings.seeds * (walks + draws) + 1
    with tqdm(total=total, desc="mcmc", unit="run") as bar:
        for number in range(seed, seed + settings.seeds):
            true = true_cloud(density, settings.points, number)
            for method in _walked(density, true, settings, number, rows):
                if number == seed:
                    traces += _chain_traces(method, settings)
                bar.update()
            for score in scores:
                for found in _drawn(density, true, score, settings, number):
                    rows.append(found)
                    bar.update()
        truth = floor(
            density, settings.points, settings.floor_pairs, seed=_FLOOR_SEED + seed
        )
        bar.update()
    traces.append(_paths(scores[0], settings, seed))
    return Measured(rows, truth, true_weight(density), traces, settings)


def true_cloud(density: Density, points: int, seed: int) -> Tensor:
    """The exact draws that a seed's clouds are compared with. Shapes: -> (points, D)"""
    return density.sample(points, seed=_TRUE_SEED + seed, dtype=torch.float64)


def _walked(
    density: Density, true: Tensor, settings: MCMCSettings, seed: int, rows: list[Row]
) -> Iterator[tuple[str, chain_clouds.ChainRun | None]]:
    """Run the chains of one seed, and append a row for each budget to `rows`."""
    for number, (start, begin) in enumerate(STARTS.items()):
        places = begin(density, settings.points, seed)
        size = math.nan
        for method in (*chain_clouds.METHODS, None):
            chosen = method or chain_clouds.unadjusted(size)
            walk = chain_clouds.chain_run(
                density,
                chosen,
                places,
                budget=settings.budgets[-1],
                warmup=settings.warmup,
                seed=seed + number * _NEXT_START,
            )
            if chosen.name == "MALA":
                size = chosen.guess if walk is None else walk.size
            if walk is not None:
                rows += _rows(density, true, walk, start, settings, seed)
            yield start, walk


def _rows(
    density: Density,
    true: Tensor,
    walk: chain_clouds.ChainRun,
    start: str,
    settings: MCMCSettings,
    seed: int,
) -> Iterator[Row]:
    """The rows of one method, for each budget that pays for a step."""
    for budget in settings.budgets:
        evaluations = walk.evaluations(budget)
        if evaluations is None:
            continue
        rhat, ess, cost = _diagnosed(walk, budget)
        yield Row(
            method=walk.method.name,
            family="chain",
            start=start,
            budget=budget,
            evaluations=evaluations,
            seed=seed,
            quality=quality(density, walk.at(budget), true),
            rhat=rhat,
            ess=ess,
            draw_cost=cost,
            acceptance=None if walk.method.target is None else walk.acceptance,
            size=walk.size,
        )


def _diagnosed(
    walk: chain_clouds.ChainRun, budget: int
) -> tuple[float | None, float | None, float | None]:
    """R-hat, effective draws a chain, and evaluations for each; None where unknown."""
    states = walk.second_half(budget)[:, :DIAGNOSED].numpy()
    if len(states) < _FEWEST_STATES:
        return None, None, None
    rhat = float(np.max(diagnostics.rhat(states)))
    ess = float(np.min(diagnostics.effective_sample_size(states))) / states.shape[1]
    if not (math.isfinite(rhat) and math.isfinite(ess)):
        return None, None, None
    return rhat, ess, len(states) * walk.method.each / ess


def _samplers(score: sampler_clouds.Score) -> tuple[sampler_clouds.DiffusionMethod, ...]:
    return sampler_clouds.METHODS if score.training == 0 else sampler_clouds.LEARNED


def _drawn(
    density: Density,
    true: Tensor,
    score: sampler_clouds.Score,
    settings: MCMCSettings,
    seed: int,
) -> Iterator[Row]:
    """The rows of diffusion: each budget has a time grid, and so a run, of its own."""
    for method in _samplers(score):
        for budget in settings.calls:
            sampler = method.sampler(budget)
            cloud = sampler_clouds.draw(score, sampler, settings.points, seed=seed)
            yield Row(
                method=method.name,
                family=f"{score.name} score",
                start=NOISE,
                budget=budget,
                evaluations=sampler.evaluations,
                seed=seed,
                quality=quality(density, cloud, true),
                training=score.training,
            )


def _chain_traces(
    found: tuple[str, chain_clouds.ChainRun | None], settings: MCMCSettings
) -> list[Trace]:
    """Traces of MALA started far from the target.

    Like diffusion, it follows a score and adds noise.
    """
    start, walk = found
    if walk is None or walk.method.name != "MALA" or start != NOISE:
        return []
    steps = walk.method.steps_within(min(TRACED_EVALUATIONS, settings.budgets[-1]))
    states = torch.cat((walk.start[None], walk.chains.states[:steps]))[:, :TRACED, 0]
    spent = walk.method.first + walk.method.each * np.arange(steps + 1, dtype=np.float64)
    return [Trace("MALA, a few chains", True, spent, states.numpy())]


def _paths(score: sampler_clouds.Score, settings: MCMCSettings, seed: int) -> Trace:
    """Traces of the DDPM chain with the largest number of calls, at most 100."""
    calls = min(100, max(settings.calls, default=10))
    states: list[Tensor] = []
    sampler_clouds.draw(
        score,
        sampler_clouds.METHODS[0].sampler(calls),
        TRACED,
        seed=seed,
        watch=lambda step, t, x: states.append(x),
    )
    places = score.mean[0] + score.std * torch.stack(states)[..., 0].double()
    spent = np.arange(len(states), dtype=np.float64)
    return Trace(f"DDPM chain, {score.name} score", False, spent, places.numpy())
