"""Jobs of a sweep over samplers, as if they had been run."""

from __future__ import annotations

from typing import Any

from snowmelt.evaluation.comparison import Job


def job(
    name: str,
    sampler: str,
    steps: int,
    distance: float,
    error: float = 0.01,
    *,
    seconds: float | None = 10.0,
    protocol: dict[str, Any] | None = None,
    **overrides: Any,
) -> Job:
    """One job of the checkpoint c; `overrides` with two underscores for a dot."""
    told = {key.replace("__", "."): value for key, value in overrides.items()}
    said = {
        "data": "digits",
        "n": 180,
        "extractor": "classifier",
        "sampler": {"_target_": f"snowmelt.samplers.{sampler.upper()}", "steps": steps},
        "steps": steps,
        "evaluations": steps,
        "weights": "ema",
        "num_samples": 1000,
        "sample_seed": 0,
        "samples_digest": name,
        "checkpoint": "c",
        "checkpoint_step": 10,
    }
    return Job(
        name,
        {"sampler": sampler, "sampler.steps": str(steps)} | told,
        metrics={
            "frechet_distance": distance,
            "frechet_distance_spread": error,
            "frechet_distance_floor": 0.7,
            "frechet_distance_floor_spread": 0.02,
            "protocol": said | (protocol or {}),
        },
        protocol=f"p{name}",
        sampling_seconds=seconds,
    )


def jobs() -> list[Job]:
    """A chain; what is equivalent to it, what is worse, and what nobody knows."""
    return [
        job("0", "ddpm", 1000, 1.0, seconds=500.0),
        job("1", "ddim", 50, 1.01, seconds=25.0),
        job("2", "ddim", 10, 1.4, seconds=5.0),
        job("3", "unipc", 20, 0.995, seconds=10.0),
        job("4", "unipc", 10, 1.03, 0.02, seconds=5.0),
    ]
