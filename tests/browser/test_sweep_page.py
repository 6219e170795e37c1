"""The page of a sweep in a browser: it fits, and its slider answers to keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.viz.sweep_page import swept

from snowmelt.viz.sweep_page.written_page import write

pytestmark = pytest.mark.browser
TOLD = "() => document.querySelector('#moment-told').textContent"
SHOWN = """() => [...document.querySelectorAll('.moment')]
  .filter(one => one.offsetParent !== null).map(one => one.dataset.told)"""
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(swept.material(), tmp_path_factory.mktemp("page"))


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def opened(
    browser: Any, file: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Any, bool, list[str]]]:
    """The page, whether scripts run, and what the browser complains of."""
    context = browser.new_context(java_script_enabled=request.param)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda asked: said.append(asked.url[:60]))
    page.goto(file.as_uri())
    yield page, request.param, [text for text in said if not text.startswith("data:")]
    context.close()


def test_it_asks_for_nothing_but_itself(opened: tuple[Any, bool, list[str]]) -> None:
    _, _, said = opened
    assert len(said) == 1, said
    assert said[0].startswith("file:")


def test_the_slider_moves_by_keys_and_is_not_there_without_script(
    opened: tuple[Any, bool, list[str]],
) -> None:
    page, is_scripted, _ = opened
    slider = page.locator("#moment")
    assert slider.is_visible() == is_scripted
    assert page.locator(".moment").last.is_visible()
    assert page.locator(".moment").first.is_hidden()
    if not is_scripted:
        return
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert (page.evaluate(TOLD), page.evaluate(SHOWN)) == ("step 200", ["step 200"])
    assert slider.get_attribute("aria-valuetext") == "step 200"
    page.keyboard.press("Home")
    assert page.evaluate(SHOWN) == ["step 100"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("look", ["light", "dark", "print"])
def test_nothing_reaches_beyond_the_window(
    browser: Any, file: Path, width: int, look: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(file.as_uri())
    if look == "print":
        page.emulate_media(media="print")
    else:
        page.emulate_media(color_scheme=look)
    if look != "print" or width > 700:  # paper is wider than a telephone
        assert page.evaluate(OVERFLOW) <= 0
    page.close()
