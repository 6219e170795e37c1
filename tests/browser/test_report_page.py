"""The report on a phone, in the dark and on paper, as a browser lays it out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.viz.report.test_page import TERMS, material

from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.report.page import render
from snowmelt.viz.style import png_bytes

pytestmark = pytest.mark.browser
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
WIDE = "document.documentElement.scrollWidth"
CUT = """
() => {
  const width = document.documentElement.clientWidth;
  return [...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    const slides = element.closest('.slides, svg');
    return box.width && box.right > width + 0.5 && !slides;
  }).map(element => element.outerHTML.slice(0, 80));
}
"""
LETTERS = """
() => [...document.querySelectorAll('svg.plot')].filter(one => one.clientWidth)
  .map(one => 9 * one.clientWidth / one.viewBox.baseVal.width)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with long names, wide tables and a strip."""
    images = np.random.default_rng(0).integers(0, 17, (12, 9, 1, 8, 8)).astype(np.uint8)
    strip = denoising_strip(images, np.linspace(1, 0, 12), (0, 16))
    measured = {
        "frechet_distance": 3.2146,
        "frechet_distance_spread": 0.31,
        "frechet_distance_floor": 1.102,
        "frechet_distance_floor_spread": 0.05,
        "confident_share": 0.91,
        "confident_share_real": 0.97,
        "bound_bits_per_dim": 2.31,
        "bound_bits_per_dim_se": 0.02,
        "likelihood": {"bound": {"steps": 1000, "steps_computed": 32, "digest": "9" * 64}},
        "protocol": {"extractor": "classifier", "extractor_digest": "e" * 64},
    }
    page = render(
        material(
            metrics=measured,
            likelihood=TERMS,
            pictures={"trajectory_strip": png_bytes(strip), "preview": png_bytes(strip)},
        )
    )
    target: Path = tmp_path_factory.mktemp("report") / "index.html"
    target.write_text(page, encoding="utf-8")
    return target.as_uri()


def test_a_phone_shows_all_of_it_in_letters_that_can_be_read(
    page: Any, address: str
) -> None:
    page.set_viewport_size(PHONE)
    page.goto(address)
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    assert page.evaluate(WIDE) <= PHONE["width"]
    assert page.evaluate(CUT) == []
    letters = page.evaluate(LETTERS)
    assert len(letters) >= 4
    assert min(letters) >= 9


def test_a_desk_shows_the_wide_plots(page: Any, address: str) -> None:
    page.set_viewport_size(DESK)
    page.goto(address)
    assert page.evaluate(WIDE) <= DESK["width"]
    assert not page.locator(".plot-narrow svg").first.is_visible()
    assert page.locator(".plot-wide svg").first.is_visible()
    assert min(page.evaluate(LETTERS)) >= 9


def test_a_digest_is_one_line_until_it_is_opened(page: Any, address: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(address)
    digest = page.locator("details.digest").first
    assert digest.bounding_box()["height"] < 40
    digest.locator("summary").click()
    assert digest.bounding_box()["height"] > 40


def test_paper_has_no_appendix_and_keeps_captions_with_figures(
    page: Any, address: str
) -> None:
    page.emulate_media(media="print")
    page.goto(address)
    assert not page.get_by_text("Configuration", exact=True).first.is_visible()
    assert page.get_by_text("To make it again").is_visible()
    rules = page.locator("figure").evaluate_all(
        "all => all.map(one => getComputedStyle(one).breakInside)"
    )
    assert rules
    assert set(rules) == {"avoid"}
    assert 2 <= page.pdf(format="A4").count(b"/Type /Page\n") <= 7


def test_strips_are_as_dark_as_the_page(page: Any, address: str) -> None:
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="dark")
    page.goto(address)
    strip = page.locator("img.strip").first
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    corner = {"x": box["x"] + 1, "y": box["y"] + 1, "width": 2, "height": 2}
    picture = Image.open(io.BytesIO(page.screenshot(clip=corner))).convert("L")
    assert np.asarray(picture).max() < 60
