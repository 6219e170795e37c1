"""What a page says is text, and what it was not given is a mistake."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from snowmelt.viz.templates import templates


def test_text_is_escaped_and_blocks_leave_no_lines(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "<p>\n  {% if said %}\n{{ said }}\n  {% endif %}\n</p>"
    )
    page = templates(tmp_path).get_template("page.html")
    assert page.render(said="a < b") == "<p>\na &lt; b\n</p>"
    with pytest.raises(jinja2.UndefinedError, match="said"):
        page.render()
