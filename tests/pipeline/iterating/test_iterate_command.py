"""`snowmelt iterate` as a person types it: there and back, found again, added to."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from tests.conftest import Mistake
from tests.pipeline import jobs_here
from tests.pipeline.small_flow import SMALL_FLOW, moons
from tests.project import TINY, in_process, snowmelt, succeed
from tests.training.test_iterated_fitting import covariances

from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.training.checkpoint import load

POINTS = (
    *SMALL_FLOW,
    "data.count=300",
    "data.held_out_count=100",
    moons(200, 100),
    "iterate.reports=false",
)
PATIENT = "tracking.closing_seconds=300"  # on a busy machine too the store has it all


def folder_of(workspace: Path) -> Path:
    (found,) = (workspace / "multirun" / "iterations").iterdir()
    return found


def test_bridges_go_there_and_back_and_are_found_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process; the slow tests start one for each iteration, as the program does."""
    jobs_here.run_here(monkeypatch)
    given = (*POINTS, "iteration=dsbm", PATIENT)
    said = in_process("iterate", *given, "count=2", cwd=workspace)
    for line in (
        r"^iteration 1 of 2, to the data: pairs for the next$",
        r"^iteration 1, to the data: Wasserstein .* transport cost .*, path energy ",
        r"^iteration 2, to the starts: Wasserstein ",
        r"^last model to the starts: .*/02$",
    ):
        assert re.search(line, said, re.M), line
    picture = workspace / "reports" / "iterations" / "iterations.png"
    assert said.rstrip().endswith(f"iterate: {picture}")
    assert picture.is_file()
    folder = folder_of(workspace)
    _check_pairs(folder)
    _check_tracked(workspace)
    _check_more(workspace, folder, given)


def _check_pairs(folder: Path) -> None:
    """The second learns the way back, from real starts and what the first made of them."""
    first, second = (
        load(folder / number / "outputs/model/model.ckpt") for number in ("01", "02")
    )
    assert first.start is not None
    assert second.start is not None
    assert second.manifest.digest == first.start.digest
    assert second.start.digest == first.manifest.digest
    real = PreparedData.open(folder / "to_data/data/prepared/start").train
    begun = np.load(folder / "01/pairs/starts.npy")
    np.testing.assert_allclose(begun, real, rtol=0, atol=1e-4)
    held_out = PreparedData.open(folder / "to_start/data/prepared/start").held_out
    begun = np.load(folder / "02/outputs/samples/starts.npy")
    np.testing.assert_allclose(begun, held_out[:100], rtol=0, atol=1e-4)
    std = [one.config["interpolant"]["std"] for one in (first, second)]
    units = first.manifest.std, second.manifest.std
    assert std[1] * units[1] == pytest.approx(std[0] * units[0]), "one Brownian motion"


def _check_tracked(workspace: Path) -> None:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("snowmelt")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert {run.info.run_name for run in children} == {
        "iteration 1, to the data",
        "iteration 2, to the starts",
    }
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    costs = client.get_metric_history(parent.info.run_id, "path_energy")
    assert [one.step for one in costs] == [1, 2]
    assert "| iteration" in parent.data.tags["mlflow.note.content"]
    kept = client.list_artifacts(parent.info.run_id, "iterations")
    assert {Path(file.path).suffix for file in kept} == {".txt", ".csv", ".json", ".png"}


def _check_more(workspace: Path, folder: Path, given: tuple[str, ...]) -> None:
    """One more iteration: the first two are found, and the third starts from the first."""
    before = (folder / "02/outputs/model/model.ckpt").stat().st_mtime_ns
    said = in_process("iterate", *given, "count=3", cwd=workspace)
    found = re.findall(r"^finished before: (.*) \(", said, re.M)
    assert [one for one in found if "once" not in one] == [
        "iteration 1 of 3, to the data",
        "iteration 1 of 3, to the data: pairs for the next",
        "iteration 2 of 3, to the starts",
    ]
    assert (folder / "02/outputs/model/model.ckpt").stat().st_mtime_ns == before
    third = load(folder / "03/outputs/model/model.ckpt")
    first = load(folder / "01/outputs/model/model.ckpt")
    assert [one["identity"] for one in third.lineage] == [first.identity]
    rows = list(csv.DictReader((workspace / "reports/iterations/iterations.csv").open()))
    assert [row["iteration"] for row in rows] == ["1", "2", "3"]
    ends = [row["way"] for row in rows]
    assert ends == ["to the data", "to the starts", "to the data"]


@pytest.mark.slow
def test_reflow_of_images_learns_from_its_own_pairs(workspace: Path) -> None:
    given = (*TINY, "iteration=reflow", "count=2", "tracking=none", "training.steps=6")
    others = "start.of={_target_: snowmelt.data.Digits, name: others, split_seed: 1}"
    images = ("start=data", others, "iterate.pairs=50", "sample.png=1")
    said = succeed(snowmelt("iterate", *given, *images, cwd=workspace)).stdout
    folder = folder_of(workspace)
    record = json.loads((folder / "01/pairs/samples.json").read_text(encoding="utf-8"))
    assert (record["num_samples"], record["starts"]) == (50, "training")
    assert [*(folder / "01").glob("reports/index.html")], "each has its report"
    first, second = (load(folder / n / "outputs/model/model.ckpt") for n in ("01", "02"))
    assert second.manifest.digest == first.manifest.digest
    assert [one["identity"] for one in second.lineage] == [first.identity]
    assert not (folder / "to_start").exists()
    assert "to the starts" not in said


@pytest.mark.slow
def test_reflow_begins_with_noise_too(workspace: Path) -> None:
    kept = [text for text in POINTS if not text.startswith(("start", "experiment"))]
    noise = ("experiment=points", "data=two_moons", "iteration=reflow")
    given = (*kept, *noise, "count=2", "tracking=none")
    succeed(snowmelt("iterate", *given, cwd=workspace))
    folder = folder_of(workspace)
    second = load(folder / "02/outputs/model/model.ckpt")
    assert second.start is None
    assert not second.has_score
    again = succeed(snowmelt("iterate", *given, cwd=workspace)).stdout
    assert "finished before: iteration 1 of 2, to the data: pairs for the next" in again


@pytest.mark.slow
def test_trained_bridges_between_normals_obey_the_law_of_their_turns(
    workspace: Path,
) -> None:
    """From independent pairs the covariance of the ends rises to that of the bridge."""

    def normal(name: str, mean: float, variance: float, seed: int) -> str:
        density = (
            f"{{_target_: snowmelt.densities.Gaussian, mean: [{mean}, {mean}],"
            f" covariance: [[{variance}, 0.0], [0.0, {variance}]]}}"
        )
        return (
            f"{{_target_: snowmelt.data.Known, name: {name}, density: {density},"
            f" count: 20000, held_out_count: 10000, seed: {seed},"
            " held_out_fraction: null, split_seed: 0}"
        )

    given = (
        "experiment=moons_to_eight",
        "iteration=dsbm",
        "tracking=none",
        "iterate.reports=false",
        "density=gaussian",
        "density.mean=[0.1, 0.1]",
        "density.covariance=[[1.0, 0.0], [0.0, 1.0]]",
        f"start.of={normal('wide', -0.1, 4.0, 1)}",
        "interpolant.std=1.5",
        "net.width=64",
        "training.steps=3000",
        "sampler.steps=100",
        "sample.num_samples=500",
        "evaluation.points.directions=10",
    )
    succeed(snowmelt("iterate", *given, "count=4", cwd=workspace))
    folder = folder_of(workspace)
    for turn, expected in enumerate(covariances(3, 1.0, 4.0, 1.5), start=1):
        begun, ended = (
            np.load(folder / f"{turn:02d}" / "pairs" / f"{name}.npy").astype(np.float64)
            for name in ("starts", "samples")
        )
        at_start, at_end = (4.0, 1.0) if turn % 2 else (1.0, 4.0)
        joint = [np.cov(begun[:, k], ended[:, k]) for k in range(2)]
        # The slope has none of the chance in which starts were drawn.
        found = at_start * np.mean([one[0, 1] / one[0, 0] for one in joint])
        assert found == pytest.approx(expected, abs=0.07), turn
        assert ended.var(axis=0).mean() == pytest.approx(at_end, rel=0.08), turn


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("iterate", "iteration=dsbm", "count=0"), "iterate.count must be a positive"),
        (("iterate",), "choose a method: iteration=dsbm"),
        (("iterate", "iteration=dsbn"), "unknown iteration 'dsbn' (did you mean 'dsbm'?)"),
        (
            ("iterate", "iteration=dsbm", "experiment=points", "data=llama"),
            "or iteration=reflow",
        ),
        (("iterate", "iteration=dsbm", "sampler=euler"), "does not walk along the bridge"),
        (("iterate", "iteration=reflow", "sweep=schedules"), "a sweep runs the whole"),
        (("pipeline", "iteration=dsbm"), "`snowmelt iterate`"),
        (("iterate", "iteration=reflow", "pairs=50000"), "than the 10000 training starts"),
        (("iterate", "iteration=dsbm", "sample.starts=training"), "draw pairs for another"),
        (
            ("iterate", "iteration=dsbm", "coupling=paired", "coupling.samples=gone"),
            "gone is no folder: name a folder that `snowmelt sample` wrote",
        ),
    ],
)
def test_a_mistake_is_found_before_the_first_training(
    workspace: Path, mistake: Mistake, arguments: tuple[str, ...], named: str
) -> None:
    command, *given = arguments
    assert named in mistake(command, "experiment=moons_to_eight", *given, cwd=workspace)
    assert not (workspace / "multirun").exists()
