"""What makes a flow from two moons to eight normals small enough for a test."""

from __future__ import annotations

SMALL_FLOW = (
    "experiment=moons_to_eight",
    "net.width=16",
    "training.steps=6",
    "training.batch_size=32",
    "training.warmup_steps=1",
    "training.log_every=2",
    "training.picture_every=4",
    "sampler.steps=4",
    "sample.num_samples=100",
    "evaluation.points.directions=10",
)


def moons(count: int, held_out_count: int) -> str:
    """So many starts."""
    return (
        "start.of={_target_: snowmelt.data.TwoMoons, name: moons, noise: 0.1,"
        f" count: {count}, held_out_count: {held_out_count}}}"
    )
