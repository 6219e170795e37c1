"""The helpers of docs/building/, which `make docs` runs: formulas, docstrings and links."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from mkdocs.exceptions import PluginError

from tests.project import ROOT


def helper(name: str) -> ModuleType:
    path = ROOT / "docs" / "building" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"building_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


formulas, docstrings, pages = map(helper, ("formulas", "docstrings", "pages"))


def a_page(name: str) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=name))


@pytest.mark.parametrize("number", ["7", "13a"])
def test_a_formula_becomes_mathml_and_keeps_its_number(number: str) -> None:
    content = rf'<div class="arithmatex">\[a &lt; b \tag{{{number}}}\]</div>'
    made = formulas.on_page_content(content, page=a_page("x.md"))
    assert "<math" in made
    assert f'<span class="equation-number">({number})</span>' in made
    assert "\\" not in made


def test_a_formula_that_nobody_knows_stops_the_build() -> None:
    content = r'<span class="arithmatex">\(\loud x\)</span>'
    with pytest.raises(PluginError, match=r"x\.md.*loud"):
        formulas.on_page_content(content, page=a_page("x.md"))


def test_shapes_become_code_and_their_stars_stay_stars() -> None:
    text = (
        "The data (B, *D).\n\nShapes:\n    x: (B, *D),\n    t: (*)\n\nRaises:\n    E: no."
    )
    assert docstrings.prepared(text) == (
        "The data (B, \\*D).\n\nShapes:\n    ```text\n    x: (B, *D),\n    t: (*)\n"
        "    ```\n\nRaises:\n    E: no."
    )
    assert docstrings.prepared("It. Shapes: (B, *D) -> (B,)") == (
        "It. Shapes: `(B, *D) -> (B,)`"
    )
    assert docstrings.prepared("An *idea*, $a*D$.") == "An *idea*, $a*D$."


def led(text: str, page: str) -> str:
    made = pages.on_page_markdown(text, a_page(page), None, None)
    assert isinstance(made, str)
    return made


def test_links_lead_to_the_pages_of_the_site() -> None:
    assert led("[a](docs/mcmc.md#x) `[b](c)`", "index.md") == "[a](mcmc.md#x) `[b](c)`"
    notebook = "[a](../notebooks/04_one_family.ipynb)"
    assert led(notebook, "seeds.md") == "[a](tutorials/04_one_family.md)"
    assert led("[a](LICENSE)", "index.md") == "[a](license.md)"


@pytest.mark.parametrize("link", ["docs/nowhere.md", "Makefile"])
def test_a_link_that_leads_nowhere_stops_the_build(link: str) -> None:
    with pytest.raises(PluginError, match=link):
        led(f"[a]({link})", "index.md")


def test_a_page_asks_no_other_host_for_anything() -> None:
    with pytest.raises(PluginError, match="complete by itself"):
        pages.on_post_page('<script src="https://a.b/c.js">', a_page("x.md"), None)
    link = '<a href="https://a.b">'
    assert pages.on_post_page(link, a_page("x.md"), None) == link


def test_every_room_and_every_notebook_has_a_page() -> None:
    folders = {path.name for path in (ROOT / "src/snowmelt").iterdir() if path.is_dir()}
    assert set(pages.ROOMS) == folders - {"__pycache__"}
    assert len(pages.ROOMS) == 11
    assert {path.name for path in pages.NOTEBOOKS} == {
        path.name for path in (ROOT / "notebooks").glob("*.ipynb")
    }


def test_it_is_built_strictly_by_make_and_in_continuous_testing() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # Where mkdocs is quiet it counts no warnings, and the strict build passes with all.
    assert "mkdocs build --strict\n" in makefile
    assert "make docs" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    theme = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["theme"]
    assert theme["font"] is False


def test_what_is_built_is_not_committed() -> None:
    ignored = ["git", "check-ignore", "--quiet", "site/index.html"]
    if Path(ROOT / ".git").exists():
        assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0
