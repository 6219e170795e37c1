"""A scene of the gallery: an animation or a picture, and its explanation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snowmelt.viz.density_gallery.gallery_material import Material


@dataclass(frozen=True)
class Scene:
    """An animation or a picture, and the texts beside it.

    Attributes:
        name: of its files, and of its place on the page.
        title: above it.
        question: that it answers.
        words: an explanation in two or three sentences.
        alt: the alternative text, one sentence.
        draw: writes the animation and the still picture, `name.png`, into a folder.
        has_animation: whether it writes `name.gif` beside the still picture.
        missing: why it cannot be drawn of this material, None where it can; an empty
            reason is not shown.
    """

    name: str
    title: str
    question: str
    words: str
    alt: str
    draw: Callable[[Material, Path], None]
    has_animation: bool = False
    missing: Callable[[Material], str | None] = lambda _: None

    @property
    def animation(self) -> str:
        """The file of the animation, or nothing."""
        return f"{self.name}.gif" if self.has_animation else ""

    @property
    def still(self) -> str:
        """The file of the still picture."""
        return f"{self.name}.png"


@dataclass(frozen=True)
class Chapter:
    """Scenes that belong together."""

    title: str
    scenes: tuple[Scene, ...]
