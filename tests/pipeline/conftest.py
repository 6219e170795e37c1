"""A clone in which the whole pipeline has run once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.clone import make_clone, repro


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone after one `dvc repro`; tests must not change it."""
    folder = make_clone(tmp_path_factory.mktemp("finished") / "clone")
    repro(folder)
    return folder


@pytest.fixture
def copy_of(finished: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy of the finished clone that a test may change."""

    def copy() -> Path:
        return Path(shutil.copytree(finished, tmp_path / "copy", symlinks=True))

    return copy
