"""A small sweep as if it had been run: schedules and seeds, images or points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snowmelt.evaluation.comparison import Job, compare
from snowmelt.evaluation.likelihood.denoising_error import LEVELS
from snowmelt.viz.sweep_page.moment import Moment
from snowmelt.viz.sweep_page.sweep_material import SweepMaterial, SweptRun

EVIL = "<script>alert('x')</script>"
RANGE = (0, 16)
STEPS = (100, 200, 300)
FACTORS = {"cosine": 1.0, "linear": 1.5, "sigmoid": 1.6}


def job(schedule: str, seed: int, distance: float, **told: Any) -> Job:
    errors = {
        f"denoising_error_at_{level}": FACTORS[schedule] * (0.5 + 0.01 * seed) / (9 + level)
        for level in LEVELS
    }
    if schedule == "sigmoid":  # better than the others where there is little noise
        errors |= {"denoising_error_at_6": 0.001, "denoising_error_at_8": 0.001}
    return Job(
        f"{schedule}-{seed}",
        {"schedule": schedule, "seed": str(seed)} | told,
        metrics={
            "frechet_distance": distance,
            "frechet_distance_spread": 0.02,
            "frechet_distance_floor": 0.5,
            "denoising_error": 0.1,
            **errors,
            "protocol": {"extractor": "classifier", "n": 180, "checkpoint_step": 300},
        },
        protocol="p",
        seconds=20.0 + seed,
    )


def run(found: Job, *, kind: str = "images", **changes: Any) -> SweptRun:
    schedule, seed = str(found.overrides["schedule"]), int(found.overrides["seed"])
    t = np.linspace(0, 1, 33)
    step = np.arange(10.0, 301, 10)
    loss = FACTORS[schedule] * np.exp(-step / 100) + 0.01 * seed
    held_out = np.where(step % 100 == 0, loss + 0.05, np.nan)
    steep = {"cosine": 10.0, "linear": 14.0, "sigmoid": 12.0}[schedule]
    made = SweptRun(
        found,
        training=f"{schedule}{seed}",
        losses={"step": step, "loss": loss, "held_out_loss": held_out},
        schedule=(schedule.title(), t, steep * (0.5 - t)),
        moments={Moment(at): samples(kind, seed + at) for at in STEPS},
        samples=samples(kind, seed),
    )
    return replace(made, **changes)


def samples(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "points":
        return rng.standard_normal((64, 2)).astype(np.float32)
    return rng.integers(0, 17, (24, 1, 8, 8)).astype(np.uint8)


def jobs() -> list[Job]:
    distances = {"linear": 2.0, "cosine": 1.0, "sigmoid": 2.1}
    return [
        job(schedule, seed, distance + 0.01 * seed)
        for schedule, distance in distances.items()
        for seed in (0, 1, 2)
    ]


def failed() -> Job:
    return Job("bad", {"schedule": "karras", "seed": "0"}, "failed", f"Boom: {EVIL}")


def material(kind: str = "images", **changes: Any) -> SweepMaterial:
    """Three schedules with three seeds, and one job that failed."""
    found = jobs()
    made = SweepMaterial(
        name="sweep of schedule, seed",
        data="digits",
        command="snowmelt pipeline --multirun sweep=schedules",
        swept=("schedule", "seed"),
        comparison=compare([*found, failed()]),
        runs=[run(one, kind=kind) for one in found],
        value_range=RANGE if kind == "images" else None,
        real=samples(kind, 99),
    )
    return replace(made, **changes)
