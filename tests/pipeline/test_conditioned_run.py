"""A run whose samples are of one class, from the data to the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.project import TINY, in_process

CHOSEN = (
    *TINY,
    "training.steps=6",
    "denoiser.conditional=true",
    "guidance=classifier_free",
    "likelihood=none",
    "tracking=none",
)


def test_one_class_is_measured_against_itself_and_the_page_says_so(
    workspace: Path,
) -> None:
    in_process("pipeline", *CHOSEN, "guidance.labels=3", cwd=workspace)
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    labels = np.load(workspace / "data" / "prepared" / "labels.npy")
    protocol = found["protocol"]
    assert protocol["reference_classes"] == {"3": 1.0}
    manifest = json.loads((workspace / "data" / "prepared" / "manifest.json").read_text())
    trained = labels[: manifest["train_count"]]
    assert protocol["reference_count"] == np.sum(trained == 3)
    page = (workspace / "reports" / "index.html").read_text()
    assert "samples of the classes 3 against training examples of the same" in page
    assert "They are samples of chosen classes" in page
    figures = workspace / "reports" / "figures"
    assert (figures / "nearest.png").stat().st_size > 0
    assert (figures / "nearest_distances.png").stat().st_size > 0
    # All of them in turn, in equal shares, against as many real ones of each.
    for stage in ("sample", "evaluate", "report"):
        in_process(stage, *CHOSEN, cwd=workspace)
    found = json.loads((workspace / "reports" / "metrics.json").read_text())
    asked = found["protocol"]["reference_classes"]
    assert list(asked) == list("0123456789")
    assert np.ptp(list(asked.values())) < 0.02
    rows = (workspace / "reports" / "by_class.csv").read_text().splitlines()
    assert len(rows) == 11
    assert "By class" in (workspace / "reports" / "index.html").read_text()
