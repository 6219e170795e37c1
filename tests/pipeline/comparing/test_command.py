"""`snowmelt compare` as a user types it: folders, tracked runs, checkpoints, mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.project import TINY, in_process, make_workspace

from snowmelt.common.files import write_json
from snowmelt.common.records import content_digest, write_record
from snowmelt.pipeline.comparing.command import Typed
from snowmelt.tracking import PastRun, RunReader

Mistake = Callable[..., str]
QUIET = "tracking=none"
PROTOCOL = {"data": "digits", "n": 359, "extractor": "classifier", "checkpoint_step": 9}


def metrics(checkpoint: str, distance: float, **protocol: Any) -> dict[str, Any]:
    return {
        "frechet_distance": distance,
        "frechet_distance_spread": 0.1,
        "protocol": PROTOCOL | {"checkpoint": checkpoint, "sample_seed": 0} | protocol,
    }


def put(folder: Path, numbers: dict[str, Any], place: str = "reports") -> Path:
    """A folder as `snowmelt pipeline` leaves it, as far as it is compared."""
    (folder / place).mkdir(parents=True)
    write_json(folder / place / "metrics.json", numbers)
    record = {"made_from": {}, "tables": {}, "digests": {}}
    arrays = folder / "outputs" / "evaluation"
    arrays.mkdir(parents=True)
    said = record | {"metrics": content_digest(numbers)}
    write_record(arrays / "arrays.json", said)
    return folder


def test_folders_and_files_of_numbers(workspace: Path) -> None:
    put(workspace / "one", metrics("c", 1.0))
    put(workspace / "two=2", metrics("d", 2.0), "")
    numbers = workspace / "one" / "reports" / "metrics.json"
    for first in ("one", "one/reports", str(numbers)):
        said = in_process("compare", first, "two=2", QUIET, cwd=workspace)
        assert f"{first} is better than two=2" in said
        assert "Frechet distance (classifier)" in said


def test_json_and_files(workspace: Path) -> None:
    put(workspace / "one", metrics("c", 1.0))
    put(workspace / "two", metrics("d", 1.05))
    typed = ("compare", "one", "two", "--json", "out=said", QUIET)
    said = json.loads(in_process(*typed, cwd=workspace))
    assert said["differences"][0]["better"] is None
    assert said["differences"][0]["smallest_that_would_have_shown"] > 0.3
    assert json.loads((workspace / "said" / "comparison.json").read_text()) == said
    text = (workspace / "said" / "comparison.txt").read_text()
    assert "one and two are indistinguishable" in text
    assert (workspace / "said" / "comparison.csv").read_text().count("\n") == 2


def test_samplers_are_compared_if_asked(workspace: Path, mistake: Mistake) -> None:
    put(workspace / "one", metrics("c", 1.0, sampler={"steps": 50}, steps=50))
    put(workspace / "two", metrics("c", 2.0, sampler={"steps": 10}, steps=10))
    refused = mistake("compare", "one", "two", QUIET, cwd=workspace)
    assert "they differ in sampler.steps (50 and 10), steps (50 and 10)" in refused
    assert "across=sampler" in refused
    said = in_process("compare", "one", "two", "across=sampler", QUIET, cwd=workspace)
    assert "It is one model" in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("one",), "compare needs two runs or more"),
        ((), "compare needs two runs or more"),
        (("one", "one"), "hold the same samples of one model"),
        (("one", "empty"), "empty holds no metrics.json, in itself or in reports/"),
        (("one", "trained"), "trained was not evaluated: run `snowmelt sample`"),
        (("one", "edited"), "metrics.json does not hold the numbers that"),
        (("one", "torn.json"), "torn.json"),
        (("one", "bare.json"), "bare.json does not say how it was measured"),
        (("one", "junk.ckpt"), "manifest.json is missing, and a checkpoint is measured"),
        (("one", "nowhere"), "nowhere is no file or folder; there is no tracking store"),
        (("one", "two", "across=n"), "across=n: may be sampler, weights, guidance"),
        (("one", "two", "acros=n"), "unknown key 'acros'"),
        (("one", "two", "-m"), "leave --multirun out"),
        (("one", "far"), "differ in n (359 and 100); evaluate both in the same way"),
    ],
)
def test_mistakes(
    workspace: Path, mistake: Mistake, arguments: tuple[str, ...], named: str
) -> None:
    put(workspace / "one", metrics("c", 1.0))
    put(workspace / "two", metrics("d", 1.0))
    put(workspace / "far", metrics("d", 1.0, n=100))
    edited = put(workspace / "edited", metrics("d", 1.0)) / "reports" / "metrics.json"
    edited.write_text(edited.read_text().replace("1.0", "0.5"))
    (workspace / "empty").mkdir()
    (workspace / "trained" / "outputs" / "model").mkdir(parents=True)
    (workspace / "trained" / "outputs" / "model" / "model.ckpt").write_bytes(b"weights")
    (workspace / "torn.json").write_text("{")
    (workspace / "bare.json").write_text('{"fid": 1.0}')
    (workspace / "junk.ckpt").write_bytes(b"junk")
    assert named in mistake("compare", *arguments, QUIET, cwd=workspace)


def test_json_is_for_compare_alone(workspace: Path, mistake: Mistake) -> None:
    assert "--json: for `snowmelt compare` only" in mistake("sync", "--json", cwd=workspace)


def test_a_place_with_an_equals_sign_is_a_run(tmp_path: Path) -> None:
    (tmp_path / "seed=1").mkdir()
    found = Typed.of(
        ["a", "seed=1", "seed=2", "across=sampler,weights", "out=x"], tmp_path, tmp_path
    )
    assert list(found.runs) == ["a", "seed=1"]
    assert list(found.overrides) == ["seed=2"]
    assert list(found.across) == ["sampler", "weights"]
    assert found.out == tmp_path / "x"


def test_tracked_runs_by_id_and_by_name(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [PastRun(f"id{n}", f"run {n}", "FINISHED") for n in (1, 2)]
    found = {run.run_id: metrics(run.run_id, float(run.run_id[-1])) for run in known}
    monkeypatch.setattr(RunReader, "__init__", lambda self, settings, root: None)
    monkeypatch.setattr(RunReader, "runs", lambda self: known)
    there = SimpleNamespace(location=SimpleNamespace(shown="there"))
    monkeypatch.setattr(RunReader, "_store", there, raising=False)
    monkeypatch.setattr(RunReader, "evaluation", lambda self, run: found[run.run_id])
    said = in_process("compare", "id1", "run 2", cwd=workspace)
    assert "id1 is better than run 2" in said


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two short trainings of one set of data; the first was evaluated."""
    root = make_workspace(tmp_path_factory.mktemp("trained") / "project")
    short = [text for text in TINY if not text.startswith("training.steps")]
    chosen = (*short, "training.steps=6", "likelihood=none", QUIET)
    in_process("pipeline", *chosen, cwd=root)
    in_process("train", *chosen, "seed=1", "out=other", cwd=root)
    return root


def test_a_checkpoint_is_sampled_and_evaluated_first(trained: Path) -> None:
    chosen = (*TINY, "likelihood=none", QUIET)
    said = in_process("compare", ".", "other/model.ckpt", *chosen, cwd=trained)
    assert "Frechet distance (random_conv)" in said
    assert "each of one training" in said
    (made,) = (trained / "outputs" / "compare").iterdir()
    first = (made / "samples" / "samples.npy").stat().st_mtime_ns
    again = in_process("compare", ".", "other/model.ckpt", *chosen, cwd=trained)
    assert again == said
    assert (made / "samples" / "samples.npy").stat().st_mtime_ns == first


def test_the_same_checkpoint_under_another_seed_is_no_other_model(trained: Path) -> None:
    chosen = (*TINY, "likelihood=none", "sample.seed=5", QUIET)
    model = "outputs/model/model.ckpt"
    said = in_process("compare", ".", model, *chosen, cwd=trained)
    assert "All 2 are one model under 2 sampling seeds" in said
    # Two checkpoints under one configuration have a folder each.
    both = in_process("compare", model, "other/model.ckpt", *chosen, cwd=trained)
    assert "each of one training" in both
