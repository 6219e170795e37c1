"""Which numbers may be ranked together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.tiny_models import generator, points

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.protocol import of_checkpoint, protocol_digest, quantiser

PROTOCOL = {
    "data_digest": "d",
    "n": 359,
    "extractor_digest": "e",
    "judge_digest": None,
    "resize": "none",
    "quantiser": "rounded",
    "sampler": {"steps": 50, "eta": 0.0},
    "steps": 50,
    "weights": "ema",
    "num_samples": 1000,
    "sample_seed": 0,
    "samples_digest": "s",
    "checkpoint": "c",
    "checkpoint_step": 6000,
}

MEASURED = ["checkpoint", "checkpoint_step", "num_samples", "sample_seed", "samples_digest"]


@pytest.mark.parametrize("key", [k for k in PROTOCOL if k not in MEASURED])
def test_the_way_of_measuring_counts(key: str) -> None:
    assert protocol_digest(PROTOCOL | {key: "other"}) != protocol_digest(PROTOCOL)


@pytest.mark.parametrize("key", [*MEASURED, "digest", "training_seconds", "is_repeatable"])
def test_what_is_measured_does_not(key: str) -> None:
    assert protocol_digest(PROTOCOL | {key: "other"}) == protocol_digest(PROTOCOL)


def test_a_training_by_the_clock_says_that_it_cannot_be_repeated() -> None:
    checkpoint = generator(points()).request.checkpoint
    assert "is_repeatable" not in of_checkpoint(checkpoint, "ema")
    timed = of_checkpoint(replace(checkpoint, seconds=600.5), "ema")
    assert timed["training_seconds"] == 600.5
    assert timed["is_repeatable"] is False


def test_order_of_keys_does_not_count() -> None:
    turned = dict(reversed(PROTOCOL.items()))
    assert protocol_digest(turned) == protocol_digest(PROTOCOL)


def test_quantiser(make_images: Callable, make_points: Callable) -> None:
    manifest: Manifest = make_images().manifest
    assert quantiser(manifest) == "rounded to the nearest of 17 levels"
    assert quantiser(make_points().manifest) == "none (float32)"
