"""How docstrings become pages: shapes are code; what is imported is shown once, at home.

An extension of griffe, which reads the sources for the reference.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

SECTION = re.compile(r"^Shapes:\n((?:(?:[ \t]+.*)?\n?)+)", re.MULTILINE)
IN_LINE = re.compile(r"Shapes: ([^\n]+)")
STAR = re.compile(r"(?<![\\`\w])\*(?=D\b|shape\b|\)|,)")
FORMULA_OR_CODE = re.compile(r"(\$\$.+?\$\$|\$[^$]+\$|```.*?```|`[^`]+`)", re.DOTALL)


class Docstrings(griffe.Extension):
    """Prepares every docstring for Markdown."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = prepared(obj.docstring.value)

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        _hide_imports(pkg)


def prepared(docstring: str) -> str:
    """The docstring with shapes as code, and the stars of shapes as stars."""
    text = SECTION.sub(_as_block, docstring)
    text = IN_LINE.sub(lambda found: f"Shapes: `{found.group(1)}`", text)
    pieces = FORMULA_OR_CODE.split(text)
    pieces[::2] = [STAR.sub(r"\\*", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _as_block(section: re.Match[str]) -> str:
    body = textwrap.dedent(section.group(1)).rstrip()
    block = textwrap.indent(f"```text\n{body}\n```", "    ")
    return f"Shapes:\n{block}\n\n"


def _hide_imports(module: griffe.Module) -> None:
    for member in module.members.values():
        if member.is_alias:
            member.public = False
        elif member.is_module:
            _hide_imports(member)  # type: ignore[arg-type]
    module.exports = None
