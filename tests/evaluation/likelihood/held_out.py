"""Prepared data and a checkpoint that was, as it says, trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from snowmelt.data.prepared import dataset
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.training.checkpoint import Checkpoint, build_denoiser

NETS = {
    "images": {
        "_target_": "snowmelt.nets.UNet",
        "widths": [4, 8],
        "blocks": 1,
        "attention": [False, False],
        "embedding": 8,
        "dropout": 0.0,
    },
    "points": {
        "_target_": "snowmelt.nets.MLP",
        "width": 8,
        "blocks": 1,
        "embedding": 8,
    },
}
Make = Callable[..., tuple[Checkpoint, PreparedData]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A function that makes both; arguments are sections of the configuration."""

    def made(kind: str, **sections: Any) -> tuple[Checkpoint, PreparedData]:
        random = np.random.default_rng(0)
        labels = random.integers(0, 2, 60)
        if kind == "images":
            examples = random.integers(0, 5, (60, 1, 4, 4)).astype(np.uint8)
            given: dict[str, Any] = {"value_range": (0, 4)}
        else:
            examples, given = (3 * random.normal(size=(60, 2))).astype(np.float32), {}
        manifest = dataset.write(
            tmp_path / "prepared",
            examples=examples,
            labels=labels,
            classes=("a", "b"),
            name="some",
            **given,
        )
        config = {
            "schedule": {"_target_": "snowmelt.schedules.Cosine"},
            "process": {"_target_": "snowmelt.processes.VariancePreserving"},
            "prediction": {"_target_": "snowmelt.predictions.V"},
            "net": NETS[kind],
            "denoiser": {"learned_variance": False, "conditional": False},
        } | sections
        denoiser = build_denoiser(config, manifest.shape, manifest.classes)
        generator = torch.Generator().manual_seed(0)
        states = []
        for _ in range(2):
            for value in denoiser.net.parameters():
                value.data.normal_(std=0.2, generator=generator)
            states.append({k: v.clone() for k, v in denoiser.net.state_dict().items()})
        learned = denoiser.schedule.state_dict() if denoiser.schedule is not None else {}
        checkpoint = Checkpoint(
            "ab12", 70, config, manifest, raw=states[0], ema=states[1], schedule=learned
        )
        return checkpoint, PreparedData.open(tmp_path / "prepared")

    return made
