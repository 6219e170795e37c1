"""A checkpoint that a pipeline samples but does not train is looked at before stage 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.project import TINY
from tests.tiny_models import network, points

from snowmelt.common.errors import UserError
from snowmelt.pipeline.stages import sample
from snowmelt.training.checkpoint import Checkpoint


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (None, "other.ckpt is missing: name a model.ckpt"),
        (b"not a checkpoint", "other.ckpt is not a readable checkpoint"),
    ],
)
@pytest.mark.parametrize("extra", [(), ("-m", "seed=0,1")])
def test_a_named_checkpoint_is_read_before_stage_1(
    workspace: Path,
    mistake: Any,
    made: bytes | None,
    says: str,
    extra: tuple[str, ...],
) -> None:
    named = workspace / "other.ckpt"
    if made is not None:
        named.write_bytes(made)
    line = mistake(
        "pipeline",
        *extra,
        *TINY,
        "tracking=none",
        f"sample.checkpoint={named}",
        cwd=workspace,
    )
    assert says in line
    assert not (workspace / "data" / "prepared").exists()
    assert not (workspace / "outputs").exists()
    assert not (workspace / "multirun").exists()


def test_noise_has_no_training_part() -> None:
    manifest = points()
    weights = network(manifest).net.state_dict()
    checkpoint = Checkpoint("i", 1, {}, manifest, raw=weights, ema=weights)
    assert sample._starts(Path(), checkpoint, "held_out") is None
    with pytest.raises(UserError, match="begins with normal noise, of which no part"):
        sample._starts(Path(), checkpoint, "training")
