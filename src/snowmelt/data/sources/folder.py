"""A folder of images, nested as deep as one likes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Side
from snowmelt.common.errors import UserError
from snowmelt.common.places import Place
from snowmelt.data.image_file import SUFFIXES, UnreadableImageError, read_picture
from snowmelt.data.prepared.manifest import Skipped
from snowmelt.data.sources import folder_layout
from snowmelt.data.sources.source import RawData, Source

_NOT_DATA = ("__MACOSX",)


@dataclass(frozen=True, kw_only=True)
class Folder(Source):
    """Images of any size and kind, cropped to their middle square and resized.

    Images are taken in the order of their paths. Sub-folders are classes, and folders
    named train and test are an official split; see `snowmelt.data.sources.folder_layout`.
    Images that are smaller than `size` are enlarged, and the manifest says how many.

    Args:
        path: the folder.
        size: the side of the prepared images.
        channels: 1 for grey, 3 for colour.
        on_corrupt: what to do about images that cannot be read: "error" lists them all
            and stops, "skip" leaves them out and lists them in the manifest.
    """

    path: Place
    size: Side = 32
    channels: Literal[1, 3] = 3
    on_corrupt: Literal["error", "skip"] = "error"

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.text("data.path", self.path)
        argument_checks.integer("data.size", self.size, least=1)
        argument_checks.choice("data.channels", self.channels, (1, 3))
        argument_checks.choice("data.on_corrupt", self.on_corrupt, ("error", "skip"))

    def read(self) -> RawData:
        """Decode all images.

        Raises:
            UserError: no folder, no images, images that cannot be read, or too many for
                the memory.
        """
        folder = self.located(self.path)
        files, ignored = image_files(folder)
        folder_layout.understood(files)  # an ambiguous layout is told before the long loop
        examples, read, skipped, enlarged = self._decoded(folder, files)
        meaning = folder_layout.understood(read)
        notes = list(meaning.notes)
        if ignored:
            notes.append(f"{ignored} files are hidden or no images and were ignored")
        if enlarged:
            notes.append(
                f"{enlarged} images are smaller than {self.size} and were enlarged"
            )
        return RawData(
            examples=examples,
            labels=meaning.labels,
            classes=meaning.classes,
            value_range=(0, 255),
            held_out=meaning.held_out,
            skipped=tuple(skipped),
            notes=tuple(notes),
        )

    def _decoded(
        self, folder: Path, files: list[str]
    ) -> tuple[np.ndarray, list[str], list[Skipped], int]:
        """The images, the files that they are of, the unreadable ones, the enlarged."""
        shape = (len(files), self.channels, self.size, self.size)
        try:
            examples = np.empty(shape, dtype=np.uint8)
        except (MemoryError, ValueError) as error:
            raise UserError(
                f"data.size={self.size}: {len(files)} images do not fit into memory"
            ) from error
        read: list[str] = []
        skipped: list[Skipped] = []
        enlarged = 0
        for file in tqdm(files, desc="reading images", unit="image"):
            try:
                pixels, was_small = read_picture(
                    folder / file, size=self.size, channels=self.channels
                )
            except UnreadableImageError as error:
                skipped.append(Skipped(printable(file), str(error)))
                continue
            examples[len(read)] = pixels
            read.append(file)
            enlarged += was_small
        if skipped and (self.on_corrupt == "error" or not read):
            raise UserError(_listed(skipped, len(files), folder))
        return examples[: len(read)], read, skipped, enlarged


def image_files(folder: Path) -> tuple[list[str], int]:
    """The images below `folder` as sorted POSIX paths, and the number of other files.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if not folder.exists():
        raise UserError(f"data.path: {folder} does not exist: give a folder of images")
    if not folder.is_dir():
        raise UserError(f"data.path: {folder} is a file: give a folder, or use data=array")
    found = [path.relative_to(folder).as_posix() for path in _walk(folder)]
    images = sorted(file for file in found if _is_image(file))
    others = sorted(set(found) - set(images))
    if not images:
        there = f" (there is {printable(others[0])})" if others else ""
        raise UserError(
            f"data.path: no images in {folder}{there}:"
            f" put {', '.join(SUFFIXES)} files there"
        )
    return images, len(others)


def _walk(folder: Path) -> list[Path]:
    """All files below `folder`, through links too, but into no folder twice."""
    files: list[Path] = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        files += [Path(parent, name) for name in names]
    return files


def _is_image(file: str) -> bool:
    parts = file.split("/")
    hidden = any(part.startswith(".") or part in _NOT_DATA for part in parts)
    return not hidden and file.lower().endswith(SUFFIXES)


def printable(file: str) -> str:
    """A file's name with bytes that are no UTF-8 escaped, so that it can be written."""
    return file.encode("utf-8", "backslashreplace").decode("utf-8")


def _listed(skipped: list[Skipped], count: int, folder: Path) -> str:
    lines = [f"  {item.file}: {item.reason}" for item in skipped]
    return "\n".join(
        [
            f"{len(skipped)} of {count} images in {folder} cannot be read: mend or"
            " delete them, or leave them out with data.on_corrupt=skip",
            *lines,
        ]
    )
