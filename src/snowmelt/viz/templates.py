"""Templates of HTML pages, read in the one way that is safe."""

from __future__ import annotations

from pathlib import Path

import jinja2

SHARED = Path(__file__).parent  # head.html and look.html, the head and the style of pages


def templates(folder: Path) -> jinja2.Environment:
    """The templates of a folder, and those that pages share.

    Text is escaped, and a missing name is an error.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
