"""Draws every scene of a density into one folder, with a page that explains them.

The page names its pictures by relative addresses and runs no script. Each animation has a
still picture, for print and for readers who prefer reduced motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from snowmelt.common.files import new_collection
from snowmelt.viz.density_gallery import (
    bridge_scenes,
    forward_scenes,
    learned_scenes,
    random_walk_scenes,
    reverse_scenes,
    transport_scenes,
)
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.templates import templates

PAGE = "index.html"
LISTING = "gallery.json"
CHAPTERS = (
    transport_scenes.CHAPTER,
    bridge_scenes.CHAPTER,
    forward_scenes.CHAPTER,
    reverse_scenes.CHAPTER,
    learned_scenes.CHAPTER,
    random_walk_scenes.CHAPTER,
)


def make(
    material: Material, folder: Path, chapters: Sequence[Chapter] | None = None
) -> Path:
    """Draw every scene that there can be into `folder`, whole or not at all.

    Returns:
        The page.

    Raises:
        UserError: the folder holds something that is not of such a set.
    """
    shown, left_out = _sorted(material, CHAPTERS if chapters is None else chapters)
    scenes = [scene for chapter in shown for scene in chapter.scenes]
    with new_collection(folder, LISTING) as draft:
        with tqdm(scenes, desc="gallery", unit="picture") as bar:
            for scene in bar:
                bar.set_postfix_str(scene.name)
                scene.draw(material, draft)
        page = render(material, shown, left_out)
        (draft / PAGE).write_text(page, encoding="utf-8")
    return folder / PAGE


def _sorted(
    material: Material, chapters: Sequence[Chapter]
) -> tuple[list[Chapter], list[tuple[Scene, str]]]:
    """The chapters without what cannot be drawn, and that with its reasons."""
    shown, left_out = [], []
    for chapter in chapters:
        reasons = [(scene, scene.missing(material)) for scene in chapter.scenes]
        left_out += [(scene, reason) for scene, reason in reasons if reason]
        kept = tuple(scene for scene, reason in reasons if reason is None)
        if kept:
            shown.append(Chapter(chapter.title, kept))
    return shown, left_out


def render(
    material: Material, chapters: Sequence[Chapter], left_out: Sequence[tuple[Scene, str]]
) -> str:
    """The page as HTML; the same set gives the same bytes."""
    return templates(Path(__file__).parent).get_template("page.html").render(
        name=material.name.replace("_", " ").title(),
        has_learned=material.learned is not None,
        chapters=chapters,
        scenes=[scene for chapter in chapters for scene in chapter.scenes],
        left_out=[(scene.title, reason) for scene, reason in left_out],
    )  # fmt: skip
