"""`dvc plots diff` draws its charts without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plots_page import plots_page

pytestmark = pytest.mark.browser


def test_lines_and_pictures_are_drawn_without_a_network(tmp_path: Path, page: Any) -> None:
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(plots_page(tmp_path).as_uri())
    lines = page.locator(".key span").all_inner_texts()
    assert {text.strip() for text in lines} == {
        f"{revision}, {loss}"
        for revision in ("HEAD", "workspace")
        for loss in ("loss", "held_out_loss")
    }
    page.locator(".chart > svg").hover()
    said = page.locator(".read").inner_text()
    for values in ("workspace, loss: 0.2222 at 90", "HEAD, held_out_loss: 0.2111 at 90"):
        assert values in said
    pictures = page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert pictures == [8, 8]
    assert not errors
    assert all(address.startswith("file:") for address in asked)
