"""A clone in which the whole pipeline has run once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.pipeline.clone import make_clone, repro_here


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone after one `dvc repro`; tests must not change it.

    The processes that share the tests share the clone too: the first makes it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "finished" / "clone", shared / "finished" / "done"
    with FileLock(shared / "finished.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            repro_here(make_clone(folder))
            done.touch()
    return folder


@pytest.fixture
def copy_of(finished: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy of the finished clone that a test may change."""

    def copy() -> Path:
        return Path(shutil.copytree(finished, tmp_path / "copy", symlinks=True))

    return copy
