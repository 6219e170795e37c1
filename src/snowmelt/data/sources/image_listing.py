"""Which files of a folder or an archive are images, and what is said of the others."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from snowmelt.common.errors import UserError
from snowmelt.common.made_folders import is_made_here
from snowmelt.common.regular_files import kind_of
from snowmelt.data.image_formats import (
    SUFFIXES,
    begins_like_an_image,
    has_image_ending,
    is_head_of_an_image,
)
from snowmelt.data.sources.archive import Archive, member_head
from snowmelt.data.sources.image_list import Entry, ImageList
from snowmelt.data.sources.printable import printable
from snowmelt.data.sources.zip_index import DamagedArchiveError

_NOT_DATA = ("__MACOSX", "lost+found")  # as macOS zips, and a disk's own folder
_MOST = 10  # kinds of files, or links, that a note names


@dataclass(frozen=True)
class Listing:
    """The images, sorted by their POSIX paths, and notes for the manifest.

    Attributes:
        archive: the open one that the images are in; None for a folder.
    """

    images: ImageList
    notes: tuple[str, ...]
    archive: Archive | None = None


@dataclass
class _Tally:
    """What is said of the files that are looked at."""

    left_out: Counter[str] = field(default_factory=Counter)
    by_content: Counter[str] = field(default_factory=Counter)
    first_other: str | None = None
    again: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def images(self, files: Iterable[tuple[Entry, str | None]]) -> Iterator[Entry]:
        """Those without a reason why they are none; the others are counted."""
        for entry, reason in files:
            if reason is None:
                if not has_image_ending(entry.name):
                    self.by_content[_ending(entry.name)] += 1
                yield entry
            else:
                self.left_out[reason] += 1
                self.first_other = min(self.first_other or entry.name, entry.name)

    def notes(self) -> tuple[str, ...]:
        told = {
            "left out: ": _counted(self.left_out),
            "images by their content, not their name: ": _counted(self.by_content),
            "left out, because snowmelt made them: ": _some(self.made),
            "read once: ": _some(self.again),
        }
        return tuple(f"{about}{what}" for about, what in told.items() if what)


def image_files(place: Path, scratch: Path | None = None) -> Listing:
    """All images below a folder, through links too, but into no folder twice; or of a
    zip or tar file.

    A file is an image by its ending or, where that says nothing, by its first bytes. What
    is hidden or no regular file never is.

    Args:
        scratch: a folder for what does not fit into the memory; None for the system's.

    Raises:
        UserError: there is no such folder, no image in it, or a part that cannot be read.
    """
    if not place.exists():
        raise UserError(f"data.path: {place} does not exist: give a folder of images")
    tally = _Tally()
    if not place.is_dir():
        return _archived(place, tally, scratch)
    walked = _walk(place, tally.again, tally.made)
    found = ((Entry(file), _why_not(place, file)) for file in walked)
    return Listing(_some_of(place, tally.images(found), tally, scratch), tally.notes())


def _archived(path: Path, tally: _Tally, scratch: Path | None) -> Listing:
    try:
        archive = Archive(path, scratch)
        looked_at = (
            (entry, reason or _why_not_inside(archive, entry))
            for entry, reason in archive.members()
        )
        images = _some_of(path, tally.images(looked_at), tally, scratch)
    except DamagedArchiveError as error:
        raise UserError(
            f"data.path: {path} is a file, and no archive of images ({error}): give a"
            " folder, a zip or a tar file, or use data=array"
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise  # the fault of the folder that it is unpacked in
        raise UserError(
            f"data.path: {path} cannot be read ({error.strerror or error})"
        ) from error
    _refuse_twins(path, images)
    return Listing(images, tally.notes(), archive)


def _some_of(
    place: Path, found: Iterable[Entry], tally: _Tally, scratch: Path | None
) -> ImageList:
    images = ImageList(found, scratch)
    if len(images):
        return images
    first, made = tally.first_other, tally.made
    there = f" (there is {printable(first)})" if first else ""
    there = f" but what snowmelt made in {_some(made)}" if made else there
    raise UserError(
        f"data.path: no images in {place}{there}: put {', '.join(SUFFIXES[:9])} files there"
    )


def _refuse_twins(path: Path, images: ImageList) -> None:
    """Refuse an archive that holds one name twice: which is meant, nobody can tell."""
    before = ""
    for name, _ in images:
        if name == before:
            raise UserError(
                f"data.path: {path} holds {printable(name)} twice: pack it anew"
            )
        before = name


def _why_not_inside(archive: Archive, entry: Entry) -> str | None:
    """None for an image of an archive, else under which name it is counted."""
    if _is_hidden(entry.name):
        return "hidden"
    if has_image_ending(entry.name):
        return None
    try:
        head = member_head(archive.file.fileno(), entry.place, 16)
    except DamagedArchiveError:
        head = b""
    return None if is_head_of_an_image(head) else _ending(entry.name)


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
    waiting = [folder]
    while waiting:
        parent = waiting.pop()
        here = parent.relative_to(folder).as_posix()
        real = os.path.realpath(parent)
        if real in seen:
            again.append(f"{printable(here)} is {_named(seen[real])}")
            continue
        seen[real] = here
        if is_made_here(parent):
            made.append(printable(here))
            continue
        below: list[str] = []
        try:
            # One entry at a time: a folder may hold a million.
            with os.scandir(parent) as entries:
                for entry in entries:
                    if _is_folder(entry):
                        below.append(entry.name)
                    else:
                        yield entry.name if here == "." else f"{here}/{entry.name}"
        except OSError as error:
            refuse(error)
        below.sort(reverse=True)
        waiting += [parent / name for name in below if name != "lost+found"]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _why_not(folder: Path, file: str) -> str | None:
    """None for an image, else under which name a file is counted."""
    if _is_hidden(file):
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


def _is_hidden(file: str) -> bool:
    return any(part.startswith(".") or part in _NOT_DATA for part in file.split("/"))


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
