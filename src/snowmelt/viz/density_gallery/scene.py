"""A scene of the gallery: an animation or a picture, and its explanation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snowmelt.viz.density_gallery.gallery_material import Material


def _nothing(_: Material) -> None:
    return None


@dataclass(frozen=True)
class Scene:
    """An animation or a picture, and the texts beside it.

    Attributes:
        name: of its files, and of its place on the page.
        title: above it.
        question: that it answers.
        words: an explanation in two or three sentences.
        alt: the alternative text, one sentence.
        draw: writes the animation and the still picture into a folder.
        has_animation, has_still: which of `name.gif` and `name.png` it writes.
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
    has_still: bool = True
    missing: Callable[[Material], str | None] = _nothing

    @property
    def animation(self) -> str:
        """The file of the animation, or nothing."""
        return f"{self.name}.gif" if self.has_animation else ""

    @property
    def still(self) -> str:
        """The file of the still picture, or nothing."""
        return f"{self.name}.png" if self.has_still else ""

    @property
    def files(self) -> tuple[str, ...]:
        """All that `draw` writes."""
        return tuple(file for file in (self.animation, self.still) if file)


@dataclass(frozen=True)
class Chapter:
    """Scenes that belong together."""

    title: str
    scenes: tuple[Scene, ...]
