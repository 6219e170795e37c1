"""Starts that do not go with the data are refused before anything is read."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.project import ROOT, last_of_each

from snowmelt.common.errors import UserError
from snowmelt.pipeline.cli import main
from snowmelt.pipeline.compatibility import start_rules
from snowmelt.pipeline.config import composition, sweep_jobs

FLOW = "experiment=moons_to_eight"
DIGITS = "experiment=digits_to_digits"


@pytest.fixture
def arrays(tmp_path: Path) -> tuple[str, ...]:
    """The overrides for data and a start of 200 and 150 points."""
    for name, count in (("a", 200), ("b", 150)):
        points = np.random.default_rng(count).normal(size=(count, 2))
        np.save(tmp_path / f"{name}.npy", points)
    data = (FLOW, "data=array", f"data.path={tmp_path}/a.npy")
    return (*data, "start.of=array", f"start.of.path={tmp_path}/b.npy")


def composed(*overrides: str) -> Any:
    return composition.compose(ROOT, last_of_each(overrides), is_checked=False)


def said(*overrides: str) -> str:
    found = start_rules.issues(composed(*overrides), None, ROOT)
    assert all(issue.is_error for issue in found)
    return "; ".join(map(str, found))


def test_clouds_and_digits_go_together() -> None:
    for chosen in ((FLOW,), (DIGITS,), (FLOW, "start=density")):
        assert not said(*chosen)
        start_rules.check_sampled(composed(*chosen), ROOT)


def test_pairs_of_other_sizes_are_refused(arrays: tuple[str, ...]) -> None:
    assert not said(*arrays)
    text = said(*arrays, "coupling=paired")
    assert text.startswith("coupling, start.of, data: coupling=paired takes row k")
    assert "they have 200 and 150 examples" in text
    same = arrays[-1].replace("b.npy", "a.npy")
    assert not said(*arrays, same, "start.of.array=arr_0", "coupling=paired")


@pytest.mark.parametrize("count", [3000, 20_000])
def test_points_that_are_drawn_on_the_spot_are_no_pairs(count: int) -> None:
    text = said(FLOW, "coupling=paired", f"data.count={count}")
    assert "both come with a split of their own" in text


def test_a_pair_is_refused_when_it_is_composed() -> None:
    with pytest.raises(UserError, match=r"^coupling, start\.of, data: "):
        composition.compose(ROOT, [FLOW, "coupling=paired"])
    with pytest.raises(UserError, match=r"^a job: coupling, start\.of, data: "):
        sweep_jobs.composed(ROOT, {"a job": [FLOW, "coupling=paired"]})


def test_digits_of_two_classes_have_no_pairs() -> None:
    text = said(DIGITS, "coupling=paired")
    assert "they have 174 and 183 examples" in text
    assert not said(DIGITS, "coupling=paired", "coupling.samples=elsewhere")


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ((FLOW, "sample.num_samples=10000"), False),
        ((FLOW, "sample.num_samples=10001"), True),
        ((FLOW, "sample.num_samples=10000", "sample.starts=training"), False),
        ((FLOW, "sample.num_samples=10001", "sample.starts=training"), True),
        ((DIGITS, "sample.num_samples=55"), False),
        ((DIGITS, "sample.num_samples=56"), True),
        ((DIGITS, "sample.num_samples=56", "sampler=ddpm"), False),
        ((FLOW, "start=density", "start.of.held_out_count=7999"), True),
        (("sample.num_samples=100000",), False),
        ((DIGITS, "start=degraded", "sample.num_samples=1000"), False),
        ((DIGITS, "start=degraded", "start.noise_std=0", "sample.num_samples=56"), True),
    ],
)
def test_no_more_samples_than_starts(given: tuple[str, ...], is_refused: bool) -> None:
    expected = pytest.raises(UserError, match=r"than the \d+ (held-out|training) starts")
    with expected if is_refused else contextlib.nullcontext():
        start_rules.check_sampled(composed(*given), ROOT)


def test_too_many_samples_are_refused_of_a_file(arrays: tuple[str, ...]) -> None:
    start_rules.check_sampled(composed(*arrays, "sample.num_samples=30"), ROOT)
    with pytest.raises(UserError, match="31 is more than the 30 held-out starts"):
        start_rules.check_sampled(composed(*arrays, "sample.num_samples=31"), ROOT)


@pytest.mark.parametrize("command", ["compose", "pipeline", "iterate"])
def test_commands_refuse_too_many_samples_first(
    command: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.chdir(workspace):
        assert main([command, FLOW, "sample.num_samples=20000"]) == 2
    assert "more than the 10000 held-out starts" in capsys.readouterr().err
    assert not (workspace / "outputs").exists()


@pytest.mark.parametrize("given", [(), (FLOW,)])
def test_a_pipeline_measures_what_it_draws(
    given: tuple[str, ...], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.chdir(workspace):
        assert main(["pipeline", *given, "sample.starts=training"]) == 2
        refused = capsys.readouterr().err
        assert main(["compose", *given, "sample.starts=training"]) == 0
    assert "sample.starts=training: a pipeline measures its samples" in refused
    with pytest.raises(UserError, match="a pipeline measures its samples"):
        sweep_jobs.composed(ROOT, {"": [*given, "sample.starts=training"]})


def test_one_sample_has_no_distances() -> None:
    start_rules.check_measured(composed("sample.num_samples=2"))
    with pytest.raises(UserError, match=r"^sample\.num_samples=1: .* need at least 2"):
        start_rules.check_measured(composed("sample.num_samples=1"))


def test_starts_that_are_the_data_are_refused(arrays: tuple[str, ...]) -> None:
    path = arrays[2].partition("=")[2]
    written = f"{{_target_: snowmelt.data.Array, name: b, path: '{path}'}}"
    kept = [text for text in arrays if not text.startswith("start.of.path")]
    text = said(*kept, f"start.of={written}")
    assert text.startswith("start.of, data: the starts are the very examples of the data")
    assert "start.of.path=PATH" in text
    assert not said(*kept, f"start.of={written[:-1]}, split_seed: 1}}")


def test_other_classes_or_draws_are_no_longer_the_data() -> None:
    assert "very examples" in said(DIGITS, "start.of.classes=[8]")
    assert not said(DIGITS, "start.of.classes=[7]")
    assert "very examples" in said(FLOW, "start=data", "start.of=density")
    assert not said(FLOW, "start=data", "start.of=density", "start.of.seed=1")


def test_the_same_array_by_data_path_is_no_start(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((10, 2)))
    given = (FLOW, "data=array", f"data_path={tmp_path}/a.npy", "start.of=array")
    assert "very examples" in said(*given)
    assert not said(*given, f"start.of.path={tmp_path}/b.npy")
