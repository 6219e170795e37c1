"""Digests on a page: the beginning is shown, and the whole one on demand."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

LETTERS = 12
_DIGEST = re.compile(r"[0-9a-z]{40,}")


def short_digest(text: str) -> Markup:
    """A digest that folds; any other text as it is, escaped."""
    if not _DIGEST.fullmatch(text):
        return escape(text)
    return Markup('<details class="digest"><summary>{}…</summary>{}</details>').format(
        text[:LETTERS], text
    )
