"""Small data for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from snowmelt.data.prepared.manifest import Manifest


@pytest.fixture
def manifest_of() -> Callable[..., Manifest]:
    """A function that makes a manifest of tiny images or points."""

    def make(**changes: object) -> Manifest:
        values: dict[str, object] = {
            "kind": "images",
            "name": "tiny",
            "count": 10,
            "train_count": 8,
            "held_out_count": 2,
            "shape": (1, 2, 2),
            "dtype": "uint8",
            "value_range": (0, 16),
            "classes": ("a", "b"),
            "class_counts": {"a": 5, "b": 5},
            "mean": None,
            "std": None,
            "split": {"kind": "random", "seed": 0, "held_out_fraction": 0.2},
            "skipped": (),
            "notes": (),
            "digests": {},
            "config": {"name": "tiny"},
        }
        return Manifest(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def save_image() -> Callable[..., np.ndarray]:
    """A function that writes a random image and returns its pixels (H, W, 3)."""

    def save(path: Path, size: tuple[int, int] = (12, 9), seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng([seed, *path.name.encode()])
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return pixels

    return save
