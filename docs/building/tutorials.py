"""The tutorials as pages that can be read: each notebook with what it prints and draws.

Notebooks are stored without outputs, so that a change of one can be read as text. A reader
who installs nothing sees the pages of `docs/tutorials/`, which this program makes: prose,
programs, what they print, and their pictures as small WebP files in a folder beside.

    python docs/building/tutorials.py          # those that are older than their notebook
    python docs/building/tutorials.py 03 04    # these, whatever their age, run anew

The first line of a page holds the digest of the notebook that it was made from. A test and
the build of the documentation compare the two. Where only prose has changed since the last
run on this machine, a page is written from the outputs of that run.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PAGES = ROOT / "docs" / "tutorials"
KEPT = ROOT / ".snowmelt" / "tutorials"  # outputs of the last runs, which git does not keep
QUALITY = 82  # of the pictures: lines and letters stay sharp at a third of the bytes
LONGEST = 1600  # pixels along the wider side of a picture
SECONDS = 900  # that a notebook may take on a busy machine
FOLDED = {"00_first_look"}  # shows pictures and nothing else; its programs open on a click
STAMP = "<!-- {name}: {digest} -->"
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# What is only true of the machine that ran it has no place on a page.
OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users|private)/")

Cell = dict[str, Any]


def digest(notebook: dict[str, Any]) -> str:
    """What a page depends on: the kinds and texts of the cells."""
    cells = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def stamp(path: Path) -> str:
    """The first line of the page of a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return STAMP.format(name=f"notebooks/{path.name}", digest=digest(notebook))


def is_current(path: Path, pages: Path = PAGES) -> bool:
    """Whether the page of a notebook was made from it as it stands."""
    page = pages / f"{path.stem}.md"
    if not page.is_file():
        return False
    return page.read_text(encoding="utf-8").partition("\n")[0] == stamp(path)


def make(path: Path, pages: Path = PAGES, kept: Path = KEPT, *, anew: bool = False) -> Path:
    """Write the page of a notebook; it is run, unless only its prose has changed.

    Args:
        kept: where the outputs of the last run are.
        anew: run it in any case.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in code]
    file = kept / f"{path.stem}.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if anew or known.get("sources") != sources:
        known = {"sources": sources, "outputs": run(path)}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known), encoding="utf-8")
    for cell, left in zip(code, known["outputs"], strict=True):
        cell["outputs"] = left
    return write(path, cells, pages)


def run(path: Path) -> list[list[dict[str, Any]]]:
    """What each program of a notebook leaves; an error where one fails."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=SECONDS, resources=folder).execute()
    return [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


def write(path: Path, cells: list[Cell], pages: Path = PAGES) -> Path:
    """Write the page of a notebook that has been run, and its pictures beside it."""
    parts, pictures = page_of(path.stem, cells)
    text = "\n\n".join([stamp(path), *parts]) + "\n"
    if found := OF_A_MACHINE.search(text):
        line = text[: found.end()].rpartition("\n")[2]
        raise ValueError(f"{path.name} prints a place on this machine: {line}...")
    folder = pages / path.stem
    pages.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    if pictures:
        folder.mkdir(parents=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    page = pages / f"{path.stem}.md"
    page.write_text(text, encoding="utf-8")
    return page


def page_of(stem: str, cells: list[Cell]) -> tuple[list[str], dict[str, bytes]]:
    """The parts of a page in Markdown, and its pictures under their names."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    heading = ""
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(LINK.sub(lambda link: led(link.group(1)), text))
            heading = (HEADING.findall(text) or [heading])[-1]
            continue
        parts.append(program(text, is_folded=stem in FOLDED))
        for kind, content in outputs(cell):
            if kind == "text":
                parts.append(f"```text\n{content.decode().rstrip()}\n```")
                continue
            name = f"{len(pictures) + 1}.{kind}"
            pictures[name] = content
            parts.append(f"![{heading}]({stem}/{name})")
    note = f"*This page shows `notebooks/{stem}.ipynb` with what it prints and draws.*"
    title, _, beginning = parts[0].partition("\n\n")
    parts[:1] = [title, note, *filter(None, [beginning])]
    return parts, pictures


def program(text: str, *, is_folded: bool) -> str:
    """A program as a part of a page."""
    shown = f"```python\n{text}\n```"
    if not is_folded:
        return shown
    opened = '<details markdown="1">\n<summary>the program</summary>'
    return f"{opened}\n\n{shown}\n\n</details>"


def outputs(cell: Cell) -> Iterator[tuple[str, bytes]]:
    """What a cell left: `text`, or the bytes of a picture under their suffix."""
    printed: list[str] = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            if output["name"] == "stdout":
                printed.append("".join(output["text"]))
            continue
        if printed:
            yield "text", "".join(printed).encode()
            printed = []
        data = output.get("data", {})
        if "image/gif" in data:
            yield "gif", b64decode(data["image/gif"])
        elif "image/png" in data:
            yield "webp", smaller(b64decode(data["image/png"]))
        elif "text/plain" in data:
            yield "text", "".join(data["text/plain"]).encode()
    if printed:
        yield "text", "".join(printed).encode()


def smaller(png: bytes) -> bytes:
    """A picture as WebP on white, at most `LONGEST` pixels wide or high."""
    from PIL import Image

    drawn = Image.open(io.BytesIO(png)).convert("RGBA")  # with densities
    white = Image.new("RGBA", drawn.size, "white")
    picture = Image.alpha_composite(white, drawn).convert("RGB")
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    found = io.BytesIO()
    picture.save(found, "WEBP", quality=QUALITY, method=6)
    return found.getvalue()


def led(link: str) -> str:
    """A link of a notebook as its page has it, which lies two folders deep."""
    if "/" not in link and link.endswith(".ipynb"):
        return link.removesuffix(".ipynb") + ".md"
    if link.startswith("../docs/"):
        return "../" + link.removeprefix("../docs/")
    return "../" + link


def main(chosen: list[str]) -> None:
    """Make the pages of the chosen notebooks, or of those that are older than theirs."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        number = path.stem.partition("_")[0]
        if number in chosen if chosen else not is_current(path):
            print(f"{path.name} ...", flush=True)
            page = make(path, anew=bool(chosen))
            print(f"  {page.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
