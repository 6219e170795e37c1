"""A small folder of images that counts as a large one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from snowmelt.common import kept_places
from snowmelt.data.sources import decoding, decoding_group, image_source
from snowmelt.data.sources import hugging_face as hub


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few images are many here, and are decoded in this process."""
    for module in (decoding_group, hub):
        monkeypatch.setattr(module, "RUN", 4)
    monkeypatch.setattr(image_source, "FEW", 10)
    monkeypatch.setattr(kept_places, "PATIENCE", 0.3)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Pictures of which one is a film, and one cannot be read."""
    rng = np.random.default_rng(0)
    (tmp_path / "raw").mkdir()
    for number in range(22):
        pixels = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "raw" / f"{number:02}.png")
    (tmp_path / "raw" / "09.png").write_bytes(b"damaged")
    frames = [Image.new("L", (4, 4), level) for level in (1, 2)]
    film = tmp_path / "raw" / os.fsdecode(b"14\xff.gif")
    frames[0].save(film, save_all=True, append_images=frames[1:])
    return tmp_path / "raw"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are decoded, as they are."""
    names: list[str] = []
    read = decoding._read

    def counted(plan: decoding.Plan, entry: decoding.Entry) -> Any:
        names.append(entry.name)
        return read(plan, entry)

    monkeypatch.setattr(decoding, "_read", counted)
    return names
