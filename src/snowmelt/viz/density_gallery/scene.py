"""What one film or picture of the set is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snowmelt.viz.density_gallery.gallery_material import Material


def _nothing(_: Material) -> None:
    return None


@dataclass(frozen=True)
class Scene:
    """Something to look at, and what is said beside it.

    Attributes:
        name: of its files, and of its place on the page.
        title: above it.
        question: that it answers, in the words of someone who asks.
        words: what is to be seen, in two or three sentences.
        alt: the same for someone who cannot see it, in one.
        draw: writes the film and the still into a folder.
        has_film, has_still: which of `name.gif` and `name.png` it writes.
        missing: why it cannot be drawn of this material, None where it can; an empty
            reason is not told.
    """

    name: str
    title: str
    question: str
    words: str
    alt: str
    draw: Callable[[Material, Path], None]
    has_film: bool = False
    has_still: bool = True
    missing: Callable[[Material], str | None] = _nothing

    @property
    def film(self) -> str:
        """The file of the film, or nothing."""
        return f"{self.name}.gif" if self.has_film else ""

    @property
    def still(self) -> str:
        """The file of the still picture, or nothing."""
        return f"{self.name}.png" if self.has_still else ""

    @property
    def files(self) -> tuple[str, ...]:
        """All that `draw` writes."""
        return tuple(file for file in (self.film, self.still) if file)


@dataclass(frozen=True)
class Chapter:
    """Scenes that belong together."""

    title: str
    scenes: tuple[Scene, ...]
