"""A small sweep, its page in MLflow's UI, and a browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tests.project import TINY, clean_environment, in_process, make_workspace

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWEPT = ("schedule=linear,cosine", "seed=0,1")
SHOTS = "SNOWMELT_SCREENSHOTS"  # a folder that keeps the screenshots


@dataclass(frozen=True)
class Shown:
    """A sweep that has run, and where the UI shows it.

    Attributes:
        folder: of the project.
        addresses: what was printed, by what it is said to show.
    """

    folder: Path
    addresses: dict[str, str]

    @property
    def client(self) -> MlflowClient:
        address = f"sqlite:///{self.folder / 'mlflow.db'}"
        return MlflowClient(address, registry_uri=address)

    @property
    def jobs(self) -> list[Run]:
        """Best first."""
        experiment = self.client.get_experiment_by_name("snowmelt")
        assert experiment is not None
        return list(
            self.client.search_runs(
                [experiment.experiment_id],
                filter_string="tags.`mlflow.parentRunId` LIKE '%'",
                order_by=["metrics.frechet_distance ASC"],
            )
        )


@pytest.fixture(scope="session")
def shown(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Two schedules with two seeds, and `snowmelt ui` over them; only for a browser."""
    folder = make_workspace(tmp_path_factory.mktemp("sweep") / "project")
    short = (*TINY, "training.steps=40")
    in_process("pipeline", "--multirun", *SWEPT, *short, cwd=folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "snowmelt", "ui", "--port", str(port)],
        cwd=folder,
        env=clean_environment({"DISPLAY": "", "BROWSER": ""}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Shown(folder, _addresses(process))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def _addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    """What the command says until it waits."""
    assert process.stdout is not None
    found = {}
    for line in process.stdout:
        if line.startswith("Ctrl-C"):
            return found
        if told := re.match(r"(.*): (http://\S+)$", line):
            found[told[1]] = told[2]
    raise AssertionError("the UI did not start")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; the tests are skipped without it."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as started:
        # Its sandbox needs what containers and root do not have.
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A fresh page; at the end of the test a screenshot shows what it saw last."""
    opened = browser.new_page(viewport={"width": 1700, "height": 1000})
    opened.set_default_timeout(60_000)
    yield opened
    kept = Path(os.environ.get(SHOTS) or tmp_path)
    opened.screenshot(path=kept / f"{request.node.name}.png")
    opened.close()
