"""One object says what is drawn; its identity follows from that alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tiny_models import generator, images, points

from snowmelt.common.errors import UserError
from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.start_points import FOLDER, StartPoints
from snowmelt.sampling.guidance.inpainting import Inpainting
from snowmelt.sampling.guidance.masks import Side
from snowmelt.sampling.sample_request import SampleRequest


def request(**changes: Any) -> SampleRequest:
    settings = {"sampler": {"steps": 3}, "guidance": {"_target_": "x.Unguided"}}
    return replace(generator(points()).request, settings=settings, **changes)


def test_the_description_is_what_samples_json_holds() -> None:
    found = request(seed=7, weights="raw", examples="e").describe()
    settings = {
        "checkpoint": {"identity": "i", "step": 1, "weights": "raw", "sha256": "c"},
        "sampler": {"steps": 3},
        "guidance": {"_target_": "x.Unguided"},
        "examples": "e",
        "num_samples": 30,
        "seed": 7,
        "precision": "32-true",
        "compile": False,
    }
    text = json.dumps(settings, sort_keys=True).encode()
    identity = hashlib.sha256(text).hexdigest()
    data = points().digest
    named = {"identity": identity, **settings, "data": data, "quantiser": None}
    assert found == named
    assert next(iter(found)) == "identity"
    rounded = generator(images()).request.describe()
    assert rounded["quantiser"] == "rounded to the nearest level"


def test_the_order_of_keys_in_a_configuration_changes_no_byte() -> None:
    """A group of processes reads it from a file, in which keys are sorted."""
    grid = {"_target_": "x.Grid", "rho": 7.0}
    typed = {"sampler": {"steps": 3, "grid": grid, "eta": 0.0}, "guidance": {}}
    turned = dict(reversed(grid.items()))
    read = {"guidance": {}, "sampler": {"eta": 0.0, "grid": turned, "steps": 3}}
    one, other = (replace(request(), settings=s).describe() for s in (typed, read))
    assert json.dumps(one) == json.dumps(other)


def test_samples_of_a_training_by_the_clock_say_that_it_cannot_be_repeated() -> None:
    checkpoint = replace(request().checkpoint, seconds=600.5)
    found = request(checkpoint=checkpoint).describe()["checkpoint"]
    assert found["training_seconds"] == 600.5
    assert found["is_repeatable"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"num_samples": 31},
        {"weights": "raw"},
        {"checkpoint_digest": "d"},
        {"precision": "bf16-mixed"},
        {"compile": True},
    ],
)
def test_another_request_has_another_identity(change: dict[str, Any]) -> None:
    assert request(**change).describe()["identity"] != request().describe()["identity"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"guidance": Inpainting(Side())}, "guidance: this guidance completes real"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        request(**change)


def test_a_request_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        request().seed = 3  # type: ignore[misc]


def test_the_part_of_the_starts_is_said_where_it_is_not_the_held_out_one(
    tmp_path: Path,
) -> None:
    far = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    dataset.write(tmp_path / FOLDER, examples=far, name="far")
    starts = StartPoints.open(tmp_path, points())
    held_out = request(starts=starts, num_samples=8)
    trained = replace(held_out, starts=replace(starts, sampled="training"))
    assert "starts" not in held_out.describe()
    assert trained.describe()["starts"] == "training"
    assert trained.describe()["identity"] != held_out.describe()["identity"]
    assert replace(trained, num_samples=32).num_samples == 32
    with pytest.raises(UserError, match="num_samples=33 is more than the 32 training"):
        replace(trained, num_samples=33)
