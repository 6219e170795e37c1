"""The view of a comparison: its runs, their order, the columns and the charts."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from snowmelt.tracking.views import View


def run(metrics: dict[str, float] | None = None, **tags: str) -> Any:
    return SimpleNamespace(
        info=SimpleNamespace(run_id="parent"),
        data=SimpleNamespace(tags=tags, metrics=metrics or {}),
    )


def state(view: View) -> dict[str, Any]:
    return json.loads(view.tags[f"mlflow.sharedViewState.{view.key}"])


PARENT = run(swept="schedule,seed", snowmelt_key="2026")
MEASURED = {"fid": 3.0, "bound_bits_per_dim": 2.0, "train/minutes": 1.0}


def test_it_lists_the_jobs_of_a_sweep_best_first() -> None:
    jobs = [run(), run(MEASURED, main_metric="fid", main_metric_better="lower is better")]
    view = View.of_sweep(PARENT, jobs)
    found = state(view)
    assert view.key == "sweep-2026"
    assert found["searchFilter"] == "tags.`mlflow.parentRunId` = 'parent'"
    assert (found["orderByKey"], found["orderByAsc"]) == ("metrics.`fid`", True)
    assert (
        found["selectedColumns"]
        == found["columnOrder"]
        == [
            "params.`schedule`",
            "params.`seed`",
            "metrics.`fid`",
            "metrics.`fid_low`",
            "metrics.`fid_high`",
            "metrics.`fid_floor`",
            "metrics.`bound_bits_per_dim`",
            "metrics.`train/minutes`",
        ]
    )
    assert view.tags["mlflow.experiment.primaryMetric.name"] == "fid"


def test_what_is_better_when_it_is_higher_comes_in_falling_order() -> None:
    job = run({"x": 1.0}, main_metric="x", main_metric_better="higher is better")
    view = View.of_sweep(PARENT, [job])
    assert state(view)["orderByAsc"] is False
    assert view.tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "True"


def test_before_a_job_has_finished_it_is_there_already() -> None:
    found = state(View.of_sweep(run(), []))
    assert found["orderByKey"] == "metrics.`frechet_distance`"
    assert "params.`schedule`" in found["selectedColumns"]


def test_each_chart_is_in_a_section_that_is_shown() -> None:
    found = state(View.of_sweep(PARENT, []))
    shown = {one["uuid"] for one in found["compareRunSections"] if one["display"]}
    charts = found["compareRunCharts"]
    assert {chart["metricSectionId"] for chart in charts} == shown
    assert len({chart["uuid"] for chart in charts}) == len(charts)
    scatter, parallel, *rest = charts
    assert scatter["xaxis"] == {"key": "schedule", "type": "PARAM"}
    assert scatter["yaxis"] == {"key": "frechet_distance", "type": "METRIC"}
    assert parallel["selectedParams"] == ["schedule", "seed"]
    assert [chart["metricKey"] for chart in rest if chart["type"] == "LINE"] == [
        "train/loss",
        "train/held_out_loss",
    ]


def test_the_slider_begins_at_the_last_step_that_all_have_a_picture_of() -> None:
    jobs = [run(**{"pictured/samples": step}) for step in ("300", "1200", "600")]
    found = state(View.of_sweep(PARENT, [*jobs, run()]))
    steps = {
        chart["imageKeys"][0]: chart["step"]
        for chart in found["compareRunCharts"]
        if chart["type"] == "IMAGE"
    }
    assert steps == {"samples": 300, "drawn samples": 0}


def test_a_view_of_all_runs_leaves_none_out() -> None:
    view = View.of_all([PARENT, run(MEASURED, main_metric="fid")])
    assert state(view)["searchFilter"] == ""
    assert state(view)["orderByKey"] == "metrics.`fid`"
    assert state(view)["selectedColumns"][:2] == ["params.`data`", "params.`schedule`"]


def test_its_place_opens_the_page_of_trainings() -> None:
    place = View.of_sweep(PARENT, []).place("7", "CHART")
    page = urlsplit(urlsplit(place).fragment)
    assert page.path == "/experiments/7/runs"
    assert parse_qs(page.query) == {
        "workflowType": ["machine_learning"],
        "viewStateShareKey": ["sweep-2026"],
        "compareRunsMode": ["CHART"],
    }
