"""What several test modules share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import make_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty project to run single commands in."""
    return make_workspace(tmp_path / "project")
