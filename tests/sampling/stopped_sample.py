"""Samples of an untrained network, and how drawing them is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny_models import generator, images

from snowmelt.common import stopping
from snowmelt.sampling.generate import generate
from snowmelt.sampling.generator import Generator
from snowmelt.sampling.storage.draw_journal import DrawJournal

COUNT, SIZE = 50, 8
ALL_FILES = {"samples.npy", "samples.json", "trajectory.npz"}


def asked(**changes: Any) -> Generator:
    """Of small images."""
    return generator(images(), **{"count": COUNT, **changes})


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def drawn(
    folder: Path, made: Generator | None = None, *, size: int = SIZE, **options: Any
) -> dict[str, bytes]:
    """The files that are written into `folder`/out; `folder`/kept is where it goes on."""
    made = made or asked()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Generator, "on", lambda *_: made)
        generate(
            made.request,
            folder / "out",
            batch_size=size,
            device=torch.device("cpu"),
            **{"kept": folder / "kept", **options},
        )
    return content(folder / "out")


def stop_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop after some batches were remembered, as Ctrl-C does."""
    left, add = [batches], DrawJournal.add

    def adding(*given: Any) -> None:
        if not left[0]:
            raise stopping.Stopped
        left[0] -= 1
        add(*given)

    monkeypatch.setattr(DrawJournal, "add", adding)


def interrupt(
    folder: Path, batches: int, made: Generator | None = None, **more: Any
) -> str:
    """Draw, and stop after some batches; what was said at the end."""
    with pytest.MonkeyPatch.context() as patch:
        stop_after(batches, patch)
        with pytest.raises(stopping.Stopped) as stopped:
            drawn(folder, made, **more)
    return str(stopped.value)


def place(folder: Path) -> Path:
    """Where samples are kept that are not in place yet."""
    (found,) = (folder / "kept").glob("[!.]*")
    return found
