"""What dvc.yaml says a stage depends on, held against what it imports and builds."""

from __future__ import annotations

import pytest

from snowmelt.evaluation import evaluation_record
from snowmelt.pipeline.command_line import STAGES
from snowmelt.sampling.storage import sample_places
from snowmelt.training import resume
from tests.pipeline.coverage import (
    GUARDS,
    OBSERVERS,
    PIPELINE,
    ROOT,
    belongs,
    covers,
    file_of,
    listed,
    runs,
)

every_stage = pytest.mark.parametrize("stage", PIPELINE)
PACKAGE = ROOT / "src" / "snowmelt"


def test_the_stages_are_those_of_the_command_line() -> None:
    assert list(PIPELINE) == list(STAGES)


def test_a_person_can_read_it() -> None:
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) < 120


@every_stage
def test_every_place_that_is_named_exists(stage: str) -> None:
    assert listed(stage)
    assert [place for place in listed(stage) if not place.exists()] == []


@every_stage
def test_the_places_cover_what_the_stage_runs(stage: str) -> None:
    ignored = () if stage == "report" else OBSERVERS
    ignored += GUARDS if stage != "compose" else ()
    # Drawing is what report is for; the tracker watches it too.
    ignored += ("snowmelt.tracking",)
    missing = sorted(
        module
        for module in runs(stage, ignored)
        if not covers(listed(stage), file_of(module))
    )
    assert missing == []


@every_stage
def test_every_place_holds_something_that_the_stage_runs(stage: str) -> None:
    ignored = ("snowmelt.tracking",) + (() if stage == "report" else OBSERVERS)
    files = {file_of(module) for module in runs(stage, ignored)}
    idle = [
        place for place in listed(stage) if not any(covers([place], file) for file in files)
    ]
    assert idle == []


@pytest.mark.parametrize("stage", [stage for stage in PIPELINE if stage != "report"])
def test_observers_are_no_dependency(stage: str) -> None:
    observers = [PACKAGE.parent / name.replace(".", "/") for name in OBSERVERS]
    observers = [
        place if place.is_dir() else place.with_suffix(".py") for place in observers
    ]
    for place in listed(stage):
        if stage == "compose" and place.name == "settings.py":
            continue  # the defaults of what an observer reads are part of the configuration
        for observer in observers:
            assert observer.exists()
            assert not covers([place], observer), f"{place} holds {observer}"
            assert not covers([observer], place), f"{place} is in {observer}"


@pytest.mark.parametrize("stage", ["prepare", "reference"])
def test_a_new_schedule_touches_no_data(stage: str) -> None:
    schedules = PACKAGE / "diffusion" / "schedules"
    assert not any(covers([place], schedules) for place in listed(stage))


def test_a_metric_touches_no_reference_and_no_training() -> None:
    metrics = PACKAGE / "evaluation" / "metrics"
    touched = {s for s in PIPELINE if any(covers([place], metrics) for place in listed(s))}
    assert touched == {"evaluate", "report"}


def test_the_identity_of_a_training_is_of_the_code_that_dvc_watches() -> None:
    named = {PACKAGE / part for part in resume.CODE}
    pipeline = {place for place in listed("train") if PACKAGE / "pipeline" in place.parents}
    assert named == set(listed("train")) - pipeline


def test_what_is_kept_of_a_sampling_is_named_by_the_code_that_dvc_watches() -> None:
    named = {PACKAGE / part for part in sample_places.CODE}
    around = {PACKAGE / "pipeline" / name for name in ("launch.py", "saved_state.py")}
    assert named == set(listed("sample")) - around


def test_an_evaluation_is_named_by_the_code_that_dvc_watches() -> None:
    named = {PACKAGE / part for part in evaluation_record.CODE}
    around = {PACKAGE / "pipeline" / "launch.py"}
    # Of data, what makes prepared ones decides nothing more once these are there.
    data = {PACKAGE / "data" / "prepared": PACKAGE / "data"}
    assert {data.get(place, place) for place in named} == set(listed("evaluate")) - around


@every_stage
def test_a_stage_knows_no_other(stage: str) -> None:
    stages = "snowmelt.pipeline.stages"
    inside = {module for module in runs(stage, ()) if belongs(module, (stages,))}
    assert inside - {stages} == {f"{stages}.{stage}"}
