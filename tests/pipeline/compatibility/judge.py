"""Judges a combination by another law than the rules do, with its exact denoiser.

Points are judged by three normal distributions in the plane, images by two kinds of whole
images, dark and bright ones: no element of either is independent of the others.

`python -m tests.pipeline.compatibility.judge PART PARTS` judges all combinations of
conf/ and prints what it found, a line of JSON each.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from snowmelt.common.errors import UserError
from snowmelt.densities import GaussianMixture
from snowmelt.pipeline.compatibility import dry_run_rules, sampling_rules, training_rules
from snowmelt.pipeline.compatibility.combination import Combination, Parts
from snowmelt.sampling.samplers.loop import sample

CONF = Path(__file__).parents[3] / "conf"
SIDE, DRAWN = 4, 800
LARGEST_MEAN_ERROR, LARGEST_RATIO = 0.1, 1.2


@dataclass(frozen=True)
class Case:
    """One combination of files of conf/."""

    schedule: str
    process: str
    sampler: str
    is_points: bool
    steps: int | None = None

    def __str__(self) -> str:
        kind = "points" if self.is_points else "images"
        steps = "" if self.steps is None else f"-{self.steps}"
        return f"{self.schedule}-{self.process}-{self.sampler}{steps}-{kind}"

    @property
    def config(self) -> dict[str, Any]:
        """What the rules read of a configuration."""
        sampler: Any = OmegaConf.load(CONF / "sampler" / f"{self.sampler}.yaml")
        if self.steps is not None:
            sampler.steps = self.steps
        drawn: Any = OmegaConf.to_container(sampler, resolve=True)
        if not self.is_points:
            drawn["threshold"] = {"_target_": "snowmelt.thresholds.Clip"}
        return {
            "schedule": part("schedule", self.schedule),
            "process": part("process", self.process),
            "prediction": part("prediction", "v"),
            "sampler": drawn,
            "guidance": part("guidance", "none"),
            "denoiser": {"learned_variance": self.sampler == "ddpm_learned"},
        }

    def combination(self) -> Combination:
        """Raises UserError where the parts cannot be built."""
        parts = sampling_rules.trained(
            self.config, is_points=self.is_points, shape=(2,) if self.is_points else None
        )
        return sampling_rules.combination(self.config, parts)


@dataclass(frozen=True)
class Judgement:
    """How far the samples are from the judge's own law."""

    mean_error: float
    ratio: float

    @property
    def misses(self) -> bool:
        near = self.mean_error <= LARGEST_MEAN_ERROR  # not of a number that is none
        return not (near and 1.0 / LARGEST_RATIO <= self.ratio <= LARGEST_RATIO)

    @property
    def is_near(self) -> bool:
        """Whether chance may decide: the mean of 800 points is known to 0.035."""
        off = abs(math.log(self.ratio)) if self.ratio > 0.0 else math.inf
        is_near = abs(self.mean_error - LARGEST_MEAN_ERROR) < 0.07
        return is_near or abs(off - math.log(LARGEST_RATIO)) < 0.06


def part(group: str, name: str) -> Any:
    return OmegaConf.to_container(OmegaConf.load(CONF / group / f"{name}.yaml"))


def names(group: str) -> list[str]:
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def every_case(steps: tuple[int | None, ...] = (None, 10)) -> Iterator[Case]:
    groups = names("schedule"), names("process"), names("sampler")
    for chosen in itertools.product(*groups, (True, False), steps):
        yield Case(*chosen)


def law(is_points: bool) -> GaussianMixture:
    if not is_points:
        means = [[-0.8] * SIDE**2, [0.5] * SIDE**2]
        return GaussianMixture([0.4, 0.6], means, [0.01, 0.04])
    means = [[-1.2, -0.6], [0.9, -0.5], [-0.45, 2.15]]
    points = GaussianMixture([0.3, 0.5, 0.2], means, [0.04, 0.12, 0.02])
    std = float(points.covariance().diagonal().mean().sqrt())
    return points.standardised(points.mean(), std)


def judged(combination: Combination, drawn: int = DRAWN) -> Judgement:
    """Raises ValueError where the parts do not go together."""
    parts, density = Parts.of(combination), law(combination.is_points)
    if hasattr(parts.sampler, "block"):
        parts.sampler.block = drawn
    denoiser = density.denoiser(
        parts.process, parts.prediction, combination.learned_variance
    )
    shape = (2,) if combination.is_points else (1, SIDE, SIDE)
    x = sample(denoiser, parts.sampler, torch.arange(drawn), shape, seed=5)
    x = x.double().flatten(1)[:, :2]
    std = density.covariance().diagonal()[:2].sqrt()
    errors = (x.mean(0) - density.mean()[:2]).abs()
    ratios = (x.std(0) / std).tolist()
    furthest = max(ratios, key=lambda r: abs(math.log(r)) if 0 < r < math.inf else 1e9)
    return Judgement(float(errors.max()), furthest)


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a case, and what the judge says."""

    case: str
    rules: str
    has_finding: bool
    is_refused: bool
    misses: bool
    numbers: tuple[float, float]


@torch.no_grad()
def verdict(case: Case) -> Verdict | None:
    """None for parts that are refused for another reason than what the dry run found."""
    try:
        combination = case.combination()
        outcome = dry_run_rules.outcome_of(combination)
        found = judged(combination)
    except (UserError, ValueError):
        return None
    process = Parts.of(combination).process
    if found.is_near:
        found = judged(combination, 8 * DRAWN)
    starts_wrong = training_rules.prior_kl(process) > training_rules.LARGEST_PRIOR_KL
    doubts = outcome is not None and dry_run_rules.misses(combination, outcome)
    return Verdict(
        case=str(case),
        rules=str(outcome),
        has_finding=starts_wrong or doubts,
        is_refused=doubts and outcome is not None and dry_run_rules.is_refused(outcome),
        misses=found.misses,
        numbers=(found.mean_error, found.ratio),
    )


if __name__ == "__main__":
    number, count = map(int, sys.argv[1:])
    for case in list(every_case())[number::count]:
        told = verdict(case)
        if told is not None:
            print(json.dumps(asdict(told)), flush=True)
