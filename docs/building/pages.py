"""Pages of the site that are not files of docs/: README, list of tutorials, reference.

A hook of mkdocs. Each page keeps the place that it comes from, so that a link is resolved
from there and then led to the page that the site has for its target.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import re
from pathlib import Path, PurePosixPath
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "snowmelt"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
# A page of the site -> the file of the repository that it shows.
SHOWN = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "license.md": "LICENSE",
    "citation.md": "CITATION.cff",
    "tutorials/index.md": "notebooks",
}
# A file of the repository -> the page of the site that shows it.
PAGES = {source: page for page, source in SHOWN.items()} | {
    f"notebooks/{path.name}": f"tutorials/{path.stem}.md" for path in NOTEBOOKS
}
LOG = logging.getLogger("mkdocs.plugins.snowmelt")  # where `--strict` stops at a warning
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")
ELSEWHERE = re.compile(
    r"<(?:script|img|link|iframe)[^>]*(?:src|href)=.?(?:https?:)?//[^>]*>"
)
FENCED = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the two parts of the navigation that follow from folders."""
    tutorials = ["tutorials/index.md"]
    tutorials += [PAGES[f"notebooks/{path.name}"] for path in NOTEBOOKS]
    parts = {
        "Tutorials": tutorials,
        "Reference": ["reference/index.md", *(f"reference/{room}.md" for room in ROOMS)],
    }
    assert config.nav is not None
    for entry in config.nav:
        entry |= {name: parts[name] for name in entry.keys() & parts.keys()}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    warn_of_old_tutorials()
    made = {page: _shown(ROOT / source) for page, source in SHOWN.items()}
    made["reference/index.md"] = _public_names()
    made |= {f"reference/{room}.md": _room(room) for room in ROOMS}
    for page, content in made.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each link to the page of its target, but none in code."""
    here = PurePosixPath(page.file.src_uri)
    if here.parts[0] == "reference":
        return markdown  # its links are those of the site already
    source = Path(SHOWN.get(str(here), f"docs/{here}"))
    pieces = FENCED.split(markdown)
    pieces[::2] = [
        LINK.sub(lambda link: _led(link.group(1), source, here), piece)
        for piece in pieces[::2]
    ]
    return "".join(pieces)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would ask another host for a part of it."""
    asked = [tag for tag in ELSEWHERE.findall(output) if 'rel="canonical"' not in tag]
    if asked:
        raise PluginError(f"{page.file.src_uri} is not complete by itself: {asked[0]}")
    return output


def warn_of_old_tutorials() -> None:
    """Say which tutorials are older than their notebooks."""
    is_current = _tutorials().is_current
    for path in NOTEBOOKS:
        if not is_current(path):
            LOG.warning(f"{PAGES[f'notebooks/{path.name}']} is old: `make tutorials`")


def _led(link: str, source: Path, here: PurePosixPath) -> str:
    """Where a link of a file leads on the site, as seen from the page of the file."""
    folder = source if (ROOT / source).is_dir() else source.parent
    target = os.path.normpath(folder / link)
    if not (ROOT / target).exists():
        raise PluginError(f"{source} links to {link}, which does not exist")
    page = PAGES.get(target, target.removeprefix("docs/"))
    if page == target:
        raise PluginError(f"{source} links to {link}, of which the site has no page")
    return os.path.relpath(page, here.parent)


def _shown(path: Path) -> str:
    if path.is_dir():
        return _contents()
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return f"# {path.name.capitalize()}\n\n```text\n{text}```\n"


def _title(notebook: Path) -> str:
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"]
    return "".join(first).splitlines()[0].lstrip("# ")


def _contents() -> str:
    lines = [f"1. [{_title(path)}]({path.name})" for path in NOTEBOOKS]
    return (
        "# Tutorials\n\nThe notebooks, in the order in which they are best read, with all"
        " that they print and draw. Each runs in about a minute.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _tutorials() -> ModuleType:
    """The program beside this one; `docs/building/` is no package."""
    path = Path(__file__).with_name("tutorials.py")
    spec = importlib.util.spec_from_file_location("building_tutorials", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _public_names() -> str:
    names = importlib.import_module("snowmelt.common.public_names")
    rows = [f"| `sm.{n}` | [`{m}.{n}`][{m}.{n}] |" for n, m in sorted(names.NAMES.items())]
    rows += [f"| `sm.{part}` | [`{m}`][{m}] |" for part, m in sorted(names.PARTS.items())]
    rooms = "\n".join(f"- [`snowmelt.{room}`]({room}.md)" for room in ROOMS)
    return (
        "# Reference\n\nThese names stay when files move; configurations and checkpoints"
        " use them, and so can you: `import snowmelt as sm`.\n\n| name | is |\n|---|---|\n"
        + "\n".join(rows)
        + f"\n\nEvery room has a page with all of its modules:\n\n{rooms}\n"
    )


def _room(room: str) -> str:
    return f"---\ntitle: {room}\n---\n\n::: snowmelt.{room}\n"
