"""Which files below a folder are images, and what is said of the others."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from snowmelt.common.errors import UserError
from snowmelt.common.made_folders import is_made_here
from snowmelt.common.regular_files import kind_of
from snowmelt.data.image_formats import SUFFIXES, begins_like_an_image, has_image_ending

_NOT_DATA = ("__MACOSX", "lost+found")  # as macOS zips, and a disk's own folder
_MOST = 10  # kinds of files, or links, that a note names


@dataclass(frozen=True)
class Listing:
    """The images as sorted POSIX paths below the folder, and notes for the manifest."""

    images: tuple[str, ...]
    notes: tuple[str, ...]


def image_files(folder: Path) -> Listing:
    """All images below `folder`, through links too, but into no folder twice.

    A file is an image by its ending or, where that says nothing, by its first bytes. What
    is hidden or no regular file never is.

    Raises:
        UserError: there is no such folder, no image in it, or a part that cannot be read.
    """
    if not folder.exists():
        raise UserError(f"data.path: {folder} does not exist: give a folder of images")
    if not folder.is_dir():
        raise UserError(f"data.path: {folder} is a file: give a folder, or use data=array")
    images: list[str] = []
    left_out: Counter[str] = Counter()
    by_content: Counter[str] = Counter()
    first_other: str | None = None
    again: list[str] = []
    made: list[str] = []
    for file in _walk(folder, again, made):
        reason = _why_not(folder, file)
        if reason is None:
            images.append(file)
            if not has_image_ending(file):
                by_content[_ending(file)] += 1
        else:
            left_out[reason] += 1
            first_other = min(first_other or file, file)
    if not images:
        there = f" (there is {printable(first_other)})" if first_other else ""
        there = f" but what snowmelt made in {_some(made)}" if made else there
        raise UserError(
            f"data.path: no images in {folder}{there}:"
            f" put {', '.join(SUFFIXES[:9])} files there"
        )
    notes = [f"left out: {_counted(left_out)}"] if left_out else []
    if by_content:
        notes.append(f"images by their content, not their name: {_counted(by_content)}")
    if made:
        notes.append(f"left out, because snowmelt made them: {_some(made)}")
    if again:
        notes.append(f"read once: {_some(again)}")
    return Listing(tuple(sorted(images)), tuple(notes))


def _walk(folder: Path, again: list[str], made: list[str]) -> Iterator[str]:
    """Each file below `folder` as a POSIX path.

    What is linked again goes into `again`, folders that this program filled into `made`.
    """

    def refuse(error: OSError) -> None:
        raise UserError(
            f"data.path: {printable(str(error.filename))} cannot be read"
            f" ({error.strerror}): mend its permissions, or move it away"
        ) from error

    seen: dict[str, str] = {}
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        here = Path(parent).relative_to(folder).as_posix()
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            again.append(f"{printable(here)} is {_named(seen[real])}")
            continue
        seen[real] = here
        if is_made_here(Path(parent)):
            folders.clear()
            made.append(printable(here))
            continue
        folders[:] = sorted(name for name in folders if name != "lost+found")
        for name in names:
            yield name if here == "." else f"{here}/{name}"


def _why_not(folder: Path, file: str) -> str | None:
    """None for an image, else under which name a file is counted."""
    parts = file.split("/")
    if any(part.startswith(".") or part in _NOT_DATA for part in parts):
        return "hidden"
    path = folder / file
    try:
        kind = kind_of(path)
    except OSError:
        kind = None  # a link to nothing: if it is called an image, reading it will tell
    if kind is not None:
        return kind.removeprefix("a ")
    if has_image_ending(file) or begins_like_an_image(path):
        return None
    return _ending(file)


def _ending(file: str) -> str:
    suffix = PurePosixPath(file).suffix.lower()
    if not suffix:
        return "without an ending"
    return suffix if re.fullmatch(r"\.[a-z0-9_+-]{1,12}", suffix) else "other"


def _counted(kinds: Counter[str]) -> str:
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return _some(f"{count} {kind}" for kind, count in ranked)


def _some(items: Iterable[str]) -> str:
    named = list(items)
    more = [f"and {len(named) - _MOST} more"] if len(named) > _MOST else []
    return ", ".join(named[:_MOST] + more)


def _named(here: str) -> str:
    return "the folder itself" if here == "." else printable(here)


def printable(text: str) -> str:
    """A name on one line: bytes that are no UTF-8, line ends and the like are escaped."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
