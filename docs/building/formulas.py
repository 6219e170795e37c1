"""Formulas of pages and docstrings, from TeX to MathML: no script, no font, no other host.

A hook of mkdocs. What cannot be translated stops the build, with the page and the formula.
"""

from __future__ import annotations

import html
import re

from math_core import LatexError, LatexToMathML
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
NUMBER = re.compile(r"\\tag\{(\d+[a-z]?)\}")
CONVERTER = LatexToMathML(fancy_error=False)


def on_page_content(content: str, page: Page, **_: object) -> str:
    """The page with every formula translated."""

    def translated(found: re.Match[str]) -> str:
        return _translated(found.group(2), found.group(1) == "div", page.file.src_uri)

    return FORMULA.sub(translated, content)


def _translated(escaped: str, is_display: bool, where: str) -> str:
    formula = " ".join(html.unescape(escaped).split())
    number = NUMBER.search(formula)
    plain = NUMBER.sub("", formula)
    try:
        maths = CONVERTER.convert_with_local_state(plain, displaystyle=is_display)
    except LatexError as error:
        raise PluginError(f"{where}: {formula}: {error}") from error
    if not is_display:
        return maths
    label = f'<span class="equation-number">({number.group(1)})</span>' if number else ""
    return f'<div class="equation">{maths}{label}</div>'
