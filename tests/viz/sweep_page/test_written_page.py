"""The page of a sweep: what it says and shows, and what it leaves out."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.evaluation.comparison import sampled_jobs, test_disagreement
from tests.viz.sweep_page import swept
from tests.viz.sweep_page.swept import EVIL

from snowmelt.evaluation.comparison import compare, sampling_costs
from snowmelt.viz.report import embedded_pictures
from snowmelt.viz.sweep_page import sample_tiles, slider
from snowmelt.viz.sweep_page.moment import Moment
from snowmelt.viz.sweep_page.sweep_material import SweptRun
from snowmelt.viz.sweep_page.written_page import FILE, render, write

VOID = {"meta", "img", "br", "input"}
SECTIONS = {
    "The outcome",
    "Samples side by side",
    "Why: the error at each noise level",
    "Noise schedules",
    "Training",
    "Samples during the training",
    "What it costs",
    "All jobs",
    "Again",
}


class Reader(HTMLParser):
    """Elements with their attributes, the texts of headings, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("th", "td", "p", "li", "h3") else ""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            return
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@functools.cache
def usual_page() -> str:
    """The page of the usual sweep; drawing it takes seconds."""
    return render(swept.material())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots are made and not drawn, which takes most of the time."""
    monkeypatch.setattr(
        embedded_pictures, "svg_text", lambda figure: '<svg viewBox="0 0 1 1"></svg>'
    )


def headings(**changes: Any) -> set[str]:
    return set(Reader(render(swept.material(**changes))).headings)


def without(**fields: Any) -> list[SweptRun]:
    """The runs of the usual sweep, each with other fields."""
    return [replace(one, **fields) for one in swept.material().runs]


@pytest.mark.parametrize("kind", ["images", "points"])
def test_page_is_whole_deterministic_light_and_asks_for_nothing(kind: str) -> None:
    page = usual_page() if kind == "images" else render(swept.material(kind))
    assert page == render(swept.material(kind))
    assert len(page) < 3_000_000
    reader = Reader(page)
    assert reader.open == []
    named = ("src", "href", "xlink:href", "action", "data", "srcset")
    addresses = [a[n] or "" for _, a in reader.elements for n in named if n in a]
    assert addresses
    assert all(address.startswith(("data:image/png;", "#")) for address in addresses)
    assert not re.search(r"https?:|//\w+\.|@import|url\((?!#)", page)
    assert {"link", "iframe", "object"}.isdisjoint(name for name, _ in reader.elements)
    assert not any(n.startswith("on") for _, a in reader.elements for n in a)


def test_verdict_and_table_come_first() -> None:
    reader = Reader(usual_page())
    assert set(reader.headings) == SECTIONS
    assert reader.headings[0] == "The outcome"
    summary = swept.material().comparison.summary
    assert "Cosine is better than linear and sigmoid" in summary
    assert reader.text.index(summary) < reader.text.index("verdict ") < 2000
    assert "1.010 ± 0.010" in reader.text
    assert "3 settings, 10 jobs, 1 of them failed" in reader.text
    assert "snowmelt pipeline --multirun sweep=schedules" in reader.text


def test_a_failed_job_is_told_and_becomes_no_markup() -> None:
    page = usual_page()
    assert EVIL not in page
    assert f"schedule=karras seed=0: Boom: {EVIL}" in Reader(page).text


@pytest.mark.usefixtures("undrawn")
def test_when_all_failed_the_page_says_so() -> None:
    gone = swept.material(comparison=compare([swept.failed()]), runs=[], real=None)
    reader = Reader(render(gone))
    assert set(reader.headings) == {"The outcome", "Again"}
    assert "no job finished" in reader.text
    assert "Boom" in reader.text


def test_every_picture_says_what_it_shows() -> None:
    reader = Reader(usual_page())
    pictures = [one.get("alt") for one in reader.all("img")]
    plots = [one.get("aria-label") for one in reader.all("svg")]
    assert len(pictures) == 4 + 3 * len(swept.STEPS), "real and 3 settings; the moments"
    assert len(plots) == 9
    assert all(text and len(text) > 10 for text in [*pictures, *plots])
    assert "16 images, cosine at step 200" in pictures
    assert len({one["id"] for _, one in reader.elements if "id" in one}) == sum(
        "id" in one for _, one in reader.elements
    ), "ids are of one element each"


def test_the_slider_has_a_stop_for_each_moment_and_needs_no_script() -> None:
    reader = Reader(usual_page())
    moments = [one for one in reader.all("div") if one.get("class") == "moment"]
    assert [one["data-told"] for one in moments] == ["step 100", "step 200", "step 300"]
    assert ["hidden" in one for one in moments] == [True, True, False], "the last is shown"
    (moved,) = reader.all("input")
    assert (moved["type"], moved["min"], moved["max"], moved["value"]) == (
        "range",
        "0",
        "2",
        "2",
    )
    assert any(one.get("for") == "moment" for one in reader.all("label"))
    (slide,) = [one for one in reader.all("div") if one.get("class") == "slide"]
    assert "hidden" in slide, "it would do nothing without the script, which shows it"


def test_the_policy_allows_the_one_script() -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", usual_page(), re.S)
    assert script == slider.SCRIPT
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in usual_page()
    (policy,) = re.findall(r"Security-Policy\" content=\"([^\"]*)", usual_page())
    assert policy.startswith("default-src 'none'; img-src data:;")
    still = render(swept.material(runs=without(moments={})))
    assert "<script" not in still
    assert "script-src" not in still


@pytest.mark.parametrize(
    ("gone", "fields"),
    [
        ({"Training"}, {"losses": {}}),
        ({"Noise schedules"}, {"schedule": None}),
        ({"Samples during the training"}, {"moments": {}}),
        (
            {"Samples during the training"},
            {"moments": {Moment(5): swept.samples("images", 0)}},
        ),
    ],
    ids=["losses", "schedules", "moments", "one moment"],
)
@pytest.mark.usefixtures("undrawn")
def test_what_was_not_left_behind_is_left_out(
    gone: set[str], fields: dict[str, Any]
) -> None:
    assert headings(runs=without(**fields)) == SECTIONS - gone


@pytest.mark.usefixtures("undrawn")
def test_without_levels_there_is_no_why() -> None:
    runs = [
        replace(
            run,
            job=replace(
                run.job,
                metrics={
                    key: value
                    for key, value in (run.job.metrics or {}).items()
                    if "_at_" not in key
                },
            ),
        )
        for run in swept.material().runs
    ]
    assert headings(runs=runs) == SECTIONS - {"Why: the error at each noise level"}


@pytest.mark.usefixtures("undrawn")
def test_settings_that_share_a_training_are_not_compared_by_it() -> None:
    shared = [replace(run, training=run.job.seed) for run in swept.material().runs]
    found = headings(runs=shared)
    assert found == SECTIONS - {
        "Training",
        "Noise schedules",
        "Why: the error at each noise level",
    }


@pytest.mark.usefixtures("undrawn")
def test_one_schedule_under_several_names_is_not_drawn() -> None:
    first = swept.material().runs[0].schedule
    assert "Noise schedules" not in headings(runs=without(schedule=first))


def test_samplers_have_their_own_verdict_table_and_figure() -> None:
    found = sampled_jobs.jobs()
    costs = sampling_costs(found, 0.05)
    runs = [SweptRun(one, training="c") for one in found]
    made = swept.material(
        comparison=compare(found),
        costs=costs,
        runs=runs,
        swept=("sampler", "sampler.steps"),
    )
    reader = Reader(render(made))
    assert set(reader.headings) == {"The outcome", "All jobs", "Again"}
    assert "equivalent to ddpm, 1000 steps; the fastest is" in reader.text
    assert "Not ranked" not in reader.text
    assert "like ddpm, 1000 steps" in reader.text
    labels = [str(one.get("aria-label")) for one in reader.all("svg")]
    assert any("against evaluations of the network" in label for label in labels)


@pytest.mark.usefixtures("undrawn")
def test_many_moments_are_thinned_and_large_ones_shrink(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = without(
        moments={Moment(at): swept.samples("images", at) for at in range(10, 400, 10)}
    )
    reader = Reader(render(swept.material(runs=runs)))
    told = [one["data-told"] for one in reader.all("div") if "data-told" in one]
    assert len(told) == sample_tiles.MOST_MOMENTS
    assert (told[0], told[-1]) == ("step 10", "step 390")
    monkeypatch.setattr(sample_tiles, "MOST_BYTES", 1)
    pictures = Reader(render(swept.material())).all("img")
    assert "4 images, cosine at step 200" in [one["alt"] for one in pictures]


def test_the_page_is_written_beside_the_comparison(tmp_path: Any) -> None:
    (tmp_path / "sweep").mkdir()
    page = write(swept.material(), tmp_path / "sweep")
    assert page == tmp_path / "sweep" / FILE
    assert page.read_text(encoding="utf-8") == usual_page()


def test_the_page_has_the_verdict_of_each_measure_and_says_that_they_differ() -> None:
    comparison = compare(test_disagreement.jobs())
    text = Reader(render(replace(swept.material(), comparison=comparison, runs=()))).text
    assert "By bits/dim (bound)" in text
    assert "worse than sigmoid by 0.700 (" in text
    assert comparison.disagreement in text
