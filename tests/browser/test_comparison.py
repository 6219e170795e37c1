"""`make ui` opens where a person sees which setting is better."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.conftest import Shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]  # of a whole sweep
ROWS = """
() => {
  const rows = {};
  for (const row of document.querySelectorAll('.ag-row')) {
    const index = Number(row.getAttribute('row-index'));
    rows[index] = (rows[index] || '') + ' ' + row.innerText.replace(/\\s+/g, ' ');
  }
  return Object.keys(rows).map(Number).sort((a, b) => a - b).map(index => rows[index]);
}
"""

HEADINGS = """
() => [...document.querySelectorAll('.ag-header-cell')]
  .sort((a, b) => a.getAttribute('aria-colindex') - b.getAttribute('aria-colindex'))
  .map(cell => cell.innerText.trim())
"""


def test_the_table_has_the_jobs_best_first_with_what_matters(
    shown: Shown, page: Any
) -> None:
    page.goto(shown.addresses["the newest comparison"])
    names = [run.info.run_name for run in shown.jobs]
    page.get_by_text(names[-1], exact=True).first.wait_for()
    # The page of a first visitor has an assistant beside it, which takes a quarter.
    page.locator("button[data-component-id='mlflow.assistant.chat_panel.close']").click()
    page.wait_for_timeout(2000)
    rows = page.evaluate(ROWS)
    found = [next((name for name in names if name in row), row) for row in rows]
    assert found == names
    assert names[0].partition(",")[0] in rows[0]
    expected = ["schedule", "seed", "frechet_distance", "frechet_distance_low"]
    expected += ["frechet_distance_high", "frechet_distance_floor", "bound_bits_per_dim"]
    expected += ["train/examples_per_second", "train/minutes"]
    assert [text for text in page.evaluate(HEADINGS) if text in expected] == expected


def test_charts_show_distance_losses_and_what_was_swept(shown: Shown, page: Any) -> None:
    page.goto(shown.addresses["its charts and pictures"])
    page.set_viewport_size({"width": 1700, "height": 2600})  # what is far off is not drawn
    for heading in ("schedule vs. frechet_distance", "Parallel Coordinates"):
        page.get_by_text(heading, exact=True).first.wait_for()
    for heading in ("train/loss", "train/held_out_loss"):
        page.get_by_text(heading, exact=True).first.wait_for()
    page.locator(".js-plotly-plot").nth(2).wait_for()  # the distance, and both losses


def test_pictures_of_all_jobs_are_side_by_side(shown: Shown, page: Any) -> None:
    page.goto(shown.addresses["its charts and pictures"])
    page.locator("img[src*='artifact']").first.wait_for()
    pictures = page.locator("img[src*='artifact']")
    pictures.nth(len(shown.jobs) - 1).wait_for()
    box = pictures.first.bounding_box()
    assert box is not None
    assert box["height"] > 100
    assert page.get_by_role("slider").first.is_visible()


def test_a_run_has_a_description_with_pictures_and_a_command(
    shown: Shown, page: Any
) -> None:
    best = shown.jobs[0]
    start = shown.addresses["all runs"].partition("/runs?")[0]
    page.goto(f"{start}/runs/{best.info.run_id}")
    page.get_by_text("Frechet distance").first.wait_for()
    assert page.get_by_text("snowmelt pipeline --multirun").first.is_visible()
    link = page.get_by_role("link", name="samples").first.get_attribute("href")
    answer = page.request.get(f"{start.partition('#')[0]}{link}")
    assert answer.headers["content-type"] == "image/png"


def test_the_best_model_is_in_the_registry(shown: Shown, page: Any) -> None:
    start = shown.addresses["all runs"].partition("#")[0]
    page.goto(f"{start}#/models/digits")
    page.get_by_text("best", exact=False).first.wait_for()
    version = shown.client.get_model_version_by_alias("digits", "best")
    assert version.tags["protocol.extractor"] == "random_conv"
