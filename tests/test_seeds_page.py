"""docs/seeds.md points to things that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
SEEDS = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize(
    "code", sorted(set(re.findall(r"`([\w./]+(?:\.py|\.yaml|/))`", SEEDS)))
)
def test_files_that_are_named_exist(code: str) -> None:
    places = (ROOT, ROOT / "src" / "snowmelt", ROOT / "conf" / "density")
    assert any((place / code).exists() for place in places), code


@pytest.mark.parametrize("picture", sorted(set(re.findall(r"`(\w+\.(?:png|gif))`", SEEDS))))
def test_pictures_that_are_named_are_made(picture: str) -> None:
    made = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")}
    name = Path(picture).stem
    assert any(f'"{name}"' in text or f"{name}." in text for text in made.values()), picture


def test_all_four_texts_are_there() -> None:
    assert len(re.findall(r"^## \d\.", SEEDS, re.MULTILINE)) == 4
