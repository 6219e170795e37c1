"""The tracker takes less than a per cent of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project import make_workspace, snowmelt, succeed
from tests.tracking_overhead import measured


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("address", ["", "http://127.0.0.1:9"])
def test_the_default_training(tmp_path: Path, address: str) -> None:
    folder = make_workspace(tmp_path / "project")
    succeed(snowmelt("prepare", cwd=folder))
    if not address:  # a database is made once, which takes about a second
        measured(folder, "training.steps=1", "seed=1")
    share = measured(folder, "training.steps=300", uri=address)
    assert share.steps == 300
    assert share.percent < 1, str(share)
