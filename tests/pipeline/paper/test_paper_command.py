"""`snowmelt paper` as a user types it: folders, numbers, tracked runs, mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.evaluation.test_protocol_sentence import PROTOCOL
from tests.pipeline.comparing.test_command import metrics, put
from tests.pipeline.stages.test_report import finished
from tests.project import in_process

from snowmelt.common.files import write_json
from snowmelt.pipeline.comparing.command import Typed
from snowmelt.pipeline.cost_notes import TrainingCosts
from snowmelt.pipeline.known_costs import costs_of
from snowmelt.pipeline.paper import paper_command as command
from snowmelt.tracking import PastRun, TrackingSettings

Mistake = Callable[..., str]
QUIET = "tracking=none"
FACTS = {
    "machine": "1 x NVIDIA H100",
    "seconds": 60.0,
    "weights": 305_217,
    "batch_size": 64,
    "snowmelt_version": "0.1.0",
    "git_commit": "abcdef",
    "git_dirty": "false",
}


def test_two_runs(workspace: Path) -> None:
    put(workspace / "one", metrics("c", 1.0, **PROTOCOL))
    put(workspace / "two", metrics("d", 2.0, **PROTOCOL | {"sample_seed": 4}))
    TrainingCosts(workspace).remember("c", FACTS)
    TrainingCosts(workspace).remember("d", FACTS)
    said = in_process("paper", "one", "two", "out=said", QUIET, cwd=workspace)
    assert "one is better than two" in said
    assert "2 trainings on 1 x NVIDIA H100 in 2 min 0 s altogether" in said
    assert (workspace / "said" / "results.md").read_text() in said
    assert r"\toprule" in (workspace / "said" / "table.tex").read_text()
    assert "commit abcdef" in (workspace / "said" / "snowmelt.bib").read_text()
    assert (workspace / "said" / "figures" / "models.pdf").is_file()
    assert "with seeds 0 and 4" in said


def test_folders_are_called_by_the_ends_of_their_paths(workspace: Path) -> None:
    """A paper wants no place of the machine that the runs lie on."""
    folders = [workspace / "runs" / name for name in ("one", "two")]
    for folder, identity, value in zip(folders, "cd", (1.0, 2.0), strict=True):
        put(folder, metrics(identity, value, **PROTOCOL))
    said = in_process("paper", *map(str, folders), "out=said", QUIET, cwd=workspace)
    assert "one is better than two" in said
    assert str(workspace) not in (workspace / "said" / "table.tex").read_text()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["/a/runs/one", "runs/two"], ["one", "two"]),
        (["/x/a/model.ckpt", "b/model.ckpt"], ["a/model.ckpt", "b/model.ckpt"]),
        (["one", "one"], ["one", "one"]),
        (["digits cosine v", "7f3a"], ["digits cosine v", "7f3a"]),
    ],
)
def test_names_are_the_shortest_that_differ(typed: list[str], told: list[str]) -> None:
    assert command.short_names(typed) == told


def test_what_compare_wrote_names_the_runs(workspace: Path) -> None:
    put(workspace / "one", metrics("c", 1.0))
    put(workspace / "two", metrics("d", 2.0))
    in_process("compare", "one", "two", "out=compared", QUIET, cwd=workspace)
    said = in_process("paper", "compared", "out=said", QUIET, cwd=workspace)
    assert said == in_process("paper", "one", "two", "out=said", QUIET, cwd=workspace)


def test_a_file_of_numbers(workspace: Path) -> None:
    numbers = metrics("c", 1.0, **PROTOCOL)
    write_json(workspace / "numbers.json", numbers)
    said = in_process("paper", "numbers.json", QUIET, cwd=workspace)
    assert "Protocol: 1,000 samples of the averaged weights at step 2,400" in said
    assert "Compute: Trained" not in said
    assert (workspace / "reports" / "paper" / "results.md").is_file()


def test_a_finished_run_has_figures(tmp_path: Path) -> None:
    config = finished(tmp_path, "images")
    config.paths.root = "."
    config.tracking = {"enabled": False}
    typed = Typed.of([], tmp_path, tmp_path)
    assert command.run(typed, config, tmp_path, lambda *_: tmp_path) == 0
    written = tmp_path / "reports" / "paper"
    figures = {path.name for path in (written / "figures").iterdir()}
    assert {"samples.pdf", "curves.svg", "schedule.pdf"} <= figures
    text = (written / "results.md").read_text()
    assert "Frechet distance" in text
    assert "> 20 samples against the training split: Frechet distance" in text


def test_mistakes(workspace: Path, mistake: Mistake) -> None:
    (workspace / "empty").mkdir()
    for arguments, named in (
        (("empty",), "empty holds no metrics.json"),
        (("nowhere",), "nowhere is no file or folder"),
        ((), "manifest.json is missing"),
        (("one", "-m"), "leave --multirun out"),
        (("numbers.json", "--json"), "--json: for `snowmelt compare` only"),
    ):
        assert named in mistake("paper", *arguments, QUIET, cwd=workspace)


def test_the_tracker_is_asked_for_what_no_note_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(run_id: str, **metrics: float) -> PastRun:
        return PastRun(
            run_id,
            "digits",
            "FINISHED",
            params={"training.batch_size": "64"},
            metrics=metrics,
            tags={"identity": "c", "device": "2 x NVIDIA A100", "git_commit": "abc"},
        )

    runs = [run("sampled"), run("trained", **{"train/minutes": 2.0})]
    reader: Any = lambda settings, root: SimpleNamespace(runs=lambda: runs)  # noqa: E731
    monkeypatch.setattr("snowmelt.pipeline.known_costs.RunReader", reader)
    numbers = metrics("c", 1.0)
    found = costs_of([numbers], tmp_path, TrackingSettings())
    assert (found.machine, found.seconds, found.steps) == ("2 x NVIDIA A100", 120.0, 9)
    assert found.examples_seen == 9 * 64
    TrainingCosts(tmp_path).remember("c", FACTS)
    assert costs_of([numbers], tmp_path, TrackingSettings()).seconds == 60.0
    assert costs_of([], tmp_path).line == ""
