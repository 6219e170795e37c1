"""The folder and its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snowmelt.common.errors import UserError
from snowmelt.viz.density_gallery import gallery
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.scene import Chapter, Scene


def scene(name: str, **more) -> Scene:
    def draw(material: Material, folder: Path) -> None:
        for file in filter(None, (made.animation, made.still)):
            (folder / file).write_bytes(b"picture")

    made = Scene(
        name, f"Of {name}", f"Why {name}?", "What one sees.", "all of it", draw, **more
    )
    return made


def test_every_file_is_named_and_every_name_is_a_file(material: Material, tmp_path: Path):
    chapters = [
        Chapter("One", (scene("a"), scene("b", has_animation=True))),
        Chapter("Two", (scene("c"),)),
    ]
    page = gallery.make(material, tmp_path / "set", chapters)
    assert page == tmp_path / "set" / "index.html"
    text = page.read_text()
    named = set(re.findall(r'(?:src|srcset)="([^"]*)"', text))
    assert named == {"a.png", "b.gif", "b.png", "c.png"}
    assert {path.name for path in page.parent.iterdir()} == named | {
        "index.html",
        "gallery.json",
    }
    assert all(alt.strip() for alt in re.findall(r'<img[^>]*alt="([^"]*)"', text))
    assert text.count("<img") == text.count("alt=") == 4
    assert text.count("prefers-reduced-motion") == 1, "a still in place of b's film"
    assert "<script" not in text
    assert "http" not in re.sub("http-equiv", "", text)
    for wanted in ("Two Heaps, in motion", "Of b", "Why c?", 'href="#a"', "<h2>One</h2>"):
        assert wanted in text


def test_what_cannot_be_drawn_is_left_out_with_a_word(material: Material, tmp_path: Path):
    chapters = [
        Chapter("One", (scene("a"), scene("b", missing=lambda _: "it is too far <away>"))),
        Chapter("Two", (scene("c", missing=lambda _: ""),)),
    ]
    text = gallery.make(material, tmp_path / "set", chapters).read_text()
    assert "Of b: it is too far &lt;away&gt;." in text
    assert "Of c" not in text
    assert ">Two<" not in text
    assert not (tmp_path / "set" / "b.png").exists()


def test_the_page_is_the_same_each_time_and_replaces_itself(
    material: Material, tmp_path: Path
):
    chapters = [Chapter("One", (scene("a"),))]
    first = gallery.make(material, tmp_path / "set", chapters).read_bytes()
    assert gallery.make(material, tmp_path / "set", chapters).read_bytes() == first


def test_a_folder_of_something_else_is_left_alone(material: Material, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="this command did not make"):
        gallery.make(material, tmp_path, [Chapter("One", (scene("a"),))])
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_no_half_of_a_set(material: Material, tmp_path: Path):
    def fail(material: Material, folder: Path) -> None:
        raise RuntimeError("no ink")

    broken = Scene("b", "B", "?", "w", "a", fail)
    with pytest.raises(RuntimeError):
        gallery.make(material, tmp_path / "set", [Chapter("One", (scene("a"), broken))])
    assert list(tmp_path.iterdir()) == []


def test_names_are_places_of_one_page():
    names = [scene.name for chapter in gallery.CHAPTERS for scene in chapter.scenes]
    assert len(names) == len(set(names))
    for chapter in gallery.CHAPTERS:
        for each in chapter.scenes:
            assert re.fullmatch("[a-z_]+", each.name)
            assert each.question.endswith("?"), each.name
            assert each.words.endswith("."), each.name
            assert each.alt, each.name
