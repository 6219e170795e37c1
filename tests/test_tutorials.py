"""The pages of docs/tutorials/ show the notebooks as they stand, with what they draw."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import markdown
import pytest
from PIL import Image

from tests.project import ROOT
from tests.test_documentation import a_page, helper, pages

tutorials = helper("tutorials")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "tutorials"
MOST = 3_000_000  # bytes of all pictures together, which every clone fetches


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def prose(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def drawn(width: int = 40, height: int = 30) -> dict[str, Any]:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(content, "PNG")
    data = {"image/png": b64encode(content.getvalue()).decode(), "text/plain": "<Image>"}
    return {"output_type": "display_data", "data": data}


def a_notebook(folder: Path, *cells: dict[str, Any]) -> Path:
    path = folder / "07_two.ipynb"
    path.write_text(json.dumps({"cells": list(cells)}), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_is_as_new_as_its_notebook(path: Path) -> None:
    said = f"docs/tutorials/{path.stem}.md is older than its notebook: `make tutorials`"
    assert tutorials.is_current(path), said


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_has_what_every_cell_says(path: Path) -> None:
    """A merge may take the stamp from one side, and the rest of a page from the other."""
    page = (PAGES / f"{path.stem}.md").read_text(encoding="utf-8")
    place = 0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for part in parts_of(cell):
            found = page.find(part, place)
            assert found >= 0, f"docs/tutorials/{path.stem}.md lacks: {part[:80]}"
            place = found + len(part)


def parts_of(cell: dict[str, Any]) -> list[str]:
    """A cell as its page has it: the program, or the paragraphs."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "code":
        return [tutorials.program(text, is_folded=False)]
    text = tutorials.LINK.sub(lambda link: tutorials.led(link.group(1)), text)
    return text.split("\n\n")


def test_there_is_no_page_without_a_notebook() -> None:
    made = {path.stem for path in PAGES.iterdir()}
    assert made == {path.stem for path in NOTEBOOKS}


def test_the_pictures_of_a_page_are_those_that_it_shows() -> None:
    for path in NOTEBOOKS:
        text = (PAGES / f"{path.stem}.md").read_text(encoding="utf-8")
        shown = set(tutorials.LINK.findall(text))
        there = {f"{path.stem}/{file.name}" for file in (PAGES / path.stem).glob("*")}
        assert there == {link for link in shown if link.startswith(f"{path.stem}/")}
        assert there, f"{path.name} draws nothing"


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in PAGES.glob("*/*")) < MOST


def test_a_page_has_what_a_cell_prints_and_draws_in_its_order(tmp_path: Path) -> None:
    cells = [
        prose("# Two\n\n## Heaps"),
        code("f()", printed("a\n"), printed("bar", "stderr"), drawn(), printed("b\n")),
    ]
    path = a_notebook(tmp_path, *cells)
    page = tutorials.write(path, cells, tmp_path)
    assert page.read_text(encoding="utf-8").split("\n\n", 1)[1] == (
        "# Two\n\n"
        "*This page shows `notebooks/07_two.ipynb` with what it prints and draws.*\n\n"
        "## Heaps\n\n"
        "```python\nf()\n```\n\n```text\na\n```\n\n![Heaps](07_two/1.webp)\n\n"
        "```text\nb\n```\n"
    )
    with Image.open(tmp_path / "07_two" / "1.webp") as picture:
        assert picture.size == (40, 30)


def test_the_programs_of_the_first_look_are_folded() -> None:
    (first,) = tutorials.FOLDED
    for path in NOTEBOOKS:
        text = (PAGES / f"{path.stem}.md").read_text(encoding="utf-8")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        programs = sum(cell["cell_type"] == "code" for cell in cells)
        assert text.count("```python\n") == programs
        assert text.count("<details") == (programs if path.stem == first else 0)


def test_a_folded_program_is_still_a_program() -> None:
    shown = tutorials.program("f()", is_folded=True)
    assert tutorials.program("f()", is_folded=False) in shown
    extensions = ["md_in_html", "pymdownx.superfences"]
    site = markdown.markdown(shown, extensions=extensions)
    assert re.search(r"<summary>the program</summary>\s*<div.*<code>", site, re.DOTALL)


def test_a_page_is_old_as_soon_as_a_cell_changes(tmp_path: Path) -> None:
    cells = [prose("# Two"), code("1 + 1")]
    path = a_notebook(tmp_path, *cells)
    assert not tutorials.is_current(path, tmp_path)
    tutorials.write(path, cells, tmp_path)
    assert tutorials.is_current(path, tmp_path)
    a_notebook(tmp_path, prose("# Two"), code("1 + 2"))
    assert not tutorials.is_current(path, tmp_path)


def test_a_notebook_runs_again_where_a_program_changed_and_not_for_prose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[str] = []

    def run(path: Path) -> list[list[dict[str, Any]]]:
        ran.append(path.name)
        return [[printed(f"run {len(ran)}\n")]]

    monkeypatch.setattr(tutorials, "run", run)

    def made(*cells: dict[str, Any], anew: bool = False) -> str:
        path = a_notebook(tmp_path, *cells)
        page = tutorials.make(path, tmp_path / "pages", tmp_path / "kept", anew=anew)
        assert tutorials.is_current(path, tmp_path / "pages")
        return str(page.read_text(encoding="utf-8"))

    assert "run 1" in made(prose("# Two"), code("f()"))
    told = made(prose("# Two, said better"), code("f()"))
    assert "run 1" in told
    assert "said better" in told
    assert "run 2" in made(prose("# Two, said better"), code("g()"))
    assert "run 3" in made(prose("# Two, said better"), code("g()"), anew=True)
    assert len(ran) == 3


def test_a_page_names_no_place_of_the_machine(tmp_path: Path) -> None:
    cells = [prose("# Two"), code("f()", printed("wrote /home/me/x\n"))]
    path = a_notebook(tmp_path, *cells)
    with pytest.raises(ValueError, match=r"07_two\.ipynb prints a place"):
        tutorials.write(path, cells, tmp_path)
    assert not (tmp_path / "07_two.md").exists()


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    cells = [prose("# Two"), code("f()", drawn(3200, 100))]
    tutorials.write(a_notebook(tmp_path, *cells), cells, tmp_path)
    with Image.open(tmp_path / "07_two" / "1.webp") as picture:
        assert picture.size == (1600, 50)


def test_a_transparent_picture_stands_on_white() -> None:
    """Letters have soft edges: black of little density, which without it is black."""
    content = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 64)).save(content, "PNG")
    with Image.open(io.BytesIO(tutorials.smaller(content.getvalue()))) as picture:
        assert picture.convert("L").getpixel((4, 4)) == pytest.approx(255 - 64, abs=3)


@pytest.mark.parametrize(
    ("link", "led"),
    [
        ("03_the_reverse_kernel.ipynb", "03_the_reverse_kernel.md"),
        ("../docs/mathematics.md#x", "../mathematics.md#x"),
        ("../README.md", "../../README.md"),
    ],
)
def test_links_of_a_notebook_lead_on_from_its_page(link: str, led: str) -> None:
    assert tutorials.led(link) == led


def test_an_old_page_stops_a_strict_build(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    path = a_notebook(tmp_path, prose("# Two"))
    known = {**pages.PAGES, f"notebooks/{path.name}": "tutorials/07_two.md"}
    monkeypatch.setattr(pages, "PAGES", known)
    monkeypatch.setattr(pages, "NOTEBOOKS", [path])
    pages.warn_of_old_tutorials()
    assert "tutorials/07_two.md is old: `make tutorials`" in caplog.text
    assert caplog.records[0].levelname == "WARNING"


def test_a_page_of_the_site_leads_to_other_tutorials() -> None:
    page = a_page("tutorials/03_the_reverse_kernel.md")
    made = pages.on_page_markdown("[a](04_one_family.md)", page, None, None)
    assert made == "[a](04_one_family.md)"
