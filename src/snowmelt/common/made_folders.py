"""Folders that this program filled: nothing in them is ever taken for raw data.

A run that is written into a folder of images, or beside them, would otherwise be trained on
by the next one. A folder is recognised by files that only this program puts together.
"""

from __future__ import annotations

from pathlib import Path

# What the composed configuration and every page hold, within their first kilobyte.
COMPOSED = "# Written by `snowmelt compose`"
PAGE = '<meta name="generator" content="snowmelt">'
_TOGETHER = (
    ("manifest.json", "images.npy"),
    ("manifest.json", "points.npy"),
    ("samples.json", "samples.npy"),
    ("comparison.json", "comparison.png"),
    ("mcmc.json", "mcmc.png"),
)
_OUTPUTS, _ARTIFACTS, _DATABASE = "outputs", "mlartifacts", "mlflow.db"
_FIRST = 1024


def is_made_here(folder: Path) -> bool:
    """Whether this program filled a folder: a stage's, a gallery's, the tracker's."""
    if folder.name == _ARTIFACTS and (folder.parent / _DATABASE).is_file():
        return True
    if folder.name == _OUTPUTS and _begins(folder / "config.yaml", COMPOSED):
        return True
    if any(all((folder / n).is_file() for n in names) for names in _TOGETHER):
        return True
    return _begins(folder / "index.html", PAGE)


def around(place: Path) -> Path | None:
    """The folder of this program that a place is, or lies in; None for none."""
    place = place.resolve()
    return next((f for f in (place, *place.parents) if is_made_here(f)), None)


def is_inside(place: Path, folder: Path) -> bool:
    """Whether a place is a folder or lies in it, through links and whatever its case."""
    place, folder = place.resolve(), folder.resolve()
    above = (place, *place.parents)
    if folder in above or not folder.exists():
        return folder in above
    return any(f.exists() and f.samefile(folder) for f in above)


def _begins(file: Path, sign: str) -> bool:
    if not file.is_file():
        return False
    try:
        with file.open("rb") as stream:
            return sign.encode() in stream.read(_FIRST)
    except OSError:
        return False
