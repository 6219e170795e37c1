"""Every fault of a store, from the start, in the middle and to the end: nothing is lost.

The faults come from a small server; `tests/pipeline/test_store_outage.py` kills a real one
under real trainings.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from PIL import Image
from tests.tracking.fake_server import CUT, CUT_AFTER, FakeServer

from snowmelt import tracking
from snowmelt.pipeline.stages import sync
from snowmelt.tracking.run_records import RunRecords

STEPS = 30
SILENT = "silent"
FAULTS: dict[str, int | str] = {
    "unanswered": CUT,
    "answered too late": CUT_AFTER,
    "slow": SILENT,
    "no such address": 404,
    "too many requests": 429,
    "an error inside": 500,
    "no gateway": 502,
    "unavailable": 503,
}
# The first step with the fault, and the first without it.
MOMENTS = {"start": (0, 15), "middle": (10, 20), "end": (15, STEPS + 1)}


def set_fault(server: FakeServer, fault: int | str) -> None:
    server.delay = 1.5 if fault == SILENT else 0.0
    server.fault = "" if fault == SILENT else fault


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_nothing_twice(
    project: Any,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    moment: str,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    project.config["tracking"] |= {"timeout_seconds": 1, "closing_seconds": 2.0}
    first, last = MOMENTS[moment]
    longest = 0.0
    if first == 0:
        set_fault(server, FAULTS[fault])
    with tracking.open_training(
        project.config, project.root, state=project.state, identity="model-a"
    ) as run:
        for step in range(1, STEPS + 1):
            if step == last:
                set_fault(server, "")
            if step == first:
                assert run.flush()
                set_fault(server, FAULTS[fault])
            begin = time.perf_counter()
            run.log_metrics({"loss": 1 / step, "learning_rate": 0.1}, step)
            if step % 10 == 0:
                run.log_picture("samples", Image.new("L", (8, 8)), step)
            longest = max(longest, time.perf_counter() - begin)
            time.sleep(0.01)
    assert longest < 0.5, "a step waits for no store"
    told = capsys.readouterr().err
    if last > STEPS:
        assert "snowmelt sync" in told
        assert sync.run(project.config, project.root) == 1
        assert "wait" in capsys.readouterr().out
        set_fault(server, "")
    assert "has everything" in synchronised(project, capsys)
    check_whole(server)
    assert not list((project.root / ".snowmelt" / "runs").glob("*/files/*"))
    assert RunRecords(project.root / ".snowmelt" / "runs").is_uploaded(run.key)  # type: ignore[attr-defined]


def synchronised(project: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """Send what waits; what was said when nothing more did.

    The thread of the training, which has no process of its own here, may be sending still.
    """
    for _ in range(50):
        status, said = sync.run(project.config, project.root), capsys.readouterr()
        if "another process sends" not in said.err:
            break
        time.sleep(0.2)
    assert status == 0, said.err
    return str(said.out)


def check_whole(server: FakeServer) -> None:
    """One run with every number and file, each of them once."""
    (run,) = [run for run in server.runs.values() if run["metrics"] or run["params"]]
    assert run["status"] == "FINISHED"
    assert run["params"]["training.steps"] == "6"
    expected = [
        (key, step) for key in ("learning_rate", "loss") for step in range(1, STEPS + 1)
    ]
    assert sorted(run["metrics"]) == expected
    names = [name.rpartition("/")[2] for name in server.files]
    assert "config.yaml" in names
    pictures = {name for name in names if name.endswith(".png")}
    assert len(pictures) == STEPS // 10
