"""The experiments on clouds run from compose to report, and say how near they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from snowmelt.pipeline.cli import main
from tests.project import make_workspace, pictures_among_data

SMALL = (
    "tracking=none",
    "data.count=400",
    "data.held_out_count=200",
    "net.width=16",
    "training.steps=4",
    "training.batch_size=32",
    "training.warmup_steps=1",
    "training.log_every=2",
    "training.picture_every=100",
    "sampler.steps=4",
    "sample.num_samples=200",
    "likelihood.examples=16",
    "likelihood.ode.steps=4",
    "evaluation.points.directions=10",
    "evaluation.truth.points=100",
    "evaluation.truth.level_points=50",
    "evaluation.truth.levels=4",
    "evaluation.truth.draws=200",
)
PICTURES = {
    "samples.png",
    "forward.gif",
    "forward.png",
    "trajectory.gif",
    "trajectory.png",
    "paths.png",
    "fields.png",
    "densities.png",
    "preview.png",
}
DISTANCES = ("wasserstein_2", "sliced_wasserstein_2", "energy_distance", "squared_mmd")


@pytest.mark.parametrize("experiment", ["llama", "double_gaussian"])
def test_from_the_drawing_to_the_page(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_workspace(tmp_path / "project")
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    # As a person chooses it, and as `dvc exp run -S experiment=...` does.
    path.write_text(yaml.safe_dump(params | {"experiment": experiment}))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PROJECT_ROOT", raising=False)
    assert main(["pipeline", *SMALL]) == 0
    metrics = json.loads((folder / "reports" / "metrics.json").read_text())
    for name in (*DISTANCES, "two_sample_accuracy"):
        assert {name, f"{name}_floor", f"{name}_spread"} <= metrics.keys()
    assert metrics["protocol"]["data"] == experiment
    assert metrics["protocol"]["points"]["set_size"] == metrics["protocol"]["n"] // 4
    assert metrics["likelihood"]["ode"]["divergence"] == "Exact"
    assert ("mode_deviation" in metrics) == (experiment == "double_gaussian")
    assert {
        "score_error",
        "score_error_training_points",
        "ode_excess_nats",
    } <= metrics.keys()
    levels = (folder / "reports" / "score_error.csv").read_text().splitlines()
    assert len(levels) == 1 + 4
    page = (folder / "reports" / "index.html").read_text()
    assert "Against the truth" in page
    assert (folder / "reports" / "figures" / "score_error.png").stat().st_size > 0
    assert "Wasserstein distance W2 (coordinates)" in page
    assert "accuracy of the classifier two-sample test (nearest neighbours)" in page
    assert page.count("data:image/gif") == 2, "there and back"
    drawn = {file.name for file in (folder / "reports" / "figures").iterdir()}
    assert drawn >= PICTURES
    assert pictures_among_data(folder) == []
