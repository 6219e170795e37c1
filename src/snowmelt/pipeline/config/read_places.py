"""Files and folders that stages read, as a configuration names them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.made_folders import around, is_inside
from snowmelt.common.places import PlaceMark, is_address, is_place, located, takes_place
from snowmelt.common.section import fields_of
from snowmelt.pipeline.config import settings


@functools.cache
def declared_places() -> frozenset[str]:
    """The keys of sections that name a file or a folder, in full."""
    return frozenset(
        key
        for key, field in fields_of(settings.Settings)
        if is_place(field.annotation)
        or any(isinstance(mark, PlaceMark) for mark in field.metadata)
    )


def places_of(config: Mapping[str, Any], section: str) -> Iterator[tuple[str, str]]:
    """The keys of a section or a group that name a place; with their values."""
    found = config.get(section)
    for name, value in found.items() if isinstance(found, Mapping) else ():
        if f"{section}.{name}" in declared_places() and isinstance(value, str):
            yield f"{section}.{name}", value
    yield from places_in(found, section)


def places_in(part: Any, key: str) -> Iterator[tuple[str, str]]:
    """The keys of a part, and of parts inside it, that name a place; with their values."""
    if not isinstance(part, Mapping):
        return
    target = str(part.get("_target_"))
    for name, value in part.items():
        if isinstance(value, str) and name != "_target_" and takes_place(target, name):
            yield f"{key}.{name}", value
        yield from places_in(value, f"{key}.{name}")


def raw_places(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The keys that name files and folders of raw data, with their values."""
    return [
        *places_in(config.get("data"), "data"),
        *places_in(config.get("start"), "start"),
    ]


def check_data_apart(config: Mapping[str, Any], root: Path) -> None:
    """Refuse raw data among what stages write, and stages that write among raw data.

    Otherwise the second run would train on what the first one made.

    Raises:
        UserError: one lies in the other, or the data is something that this program made.
    """
    for key, named in raw_places(config):
        if is_address(named):
            raise UserError(
                f"{key}: {named} is an address, and files of this machine are read: give"
                " the path of a copy"
            )
        data = located(root, named)
        for name, place in config["paths"].items():
            _check_apart(key, data, f"paths.{name}", root / str(place), root)
        if data.is_dir() and (made := around(data)) is not None:
            raise UserError(
                f"{key}: {data} lies in what this program made, {made}: give the folder of"
                " your own files"
            )


def _check_apart(key: str, data: Path, name: str, written: Path, root: Path) -> None:
    is_whole = name == "paths.root"
    # Below the project's root lie data/raw and the outputs beside each other.
    if is_whole and (written.resolve() == root.resolve() or not data.is_dir()):
        return
    if is_inside(data, written):
        raise UserError(
            f"{key}: {data} lies in {written}, where stages write: move it away, or give"
            " another folder to write to by out=DIR"
        )
    if not is_whole and is_inside(written, data):
        raise UserError(
            f"{key}: {data} holds {written}, where stages write ({name}), so the next run"
            " would read what this one made: give the folder of your own files"
            f"{_raw(data)}, or another one to write to by out=DIR"
        )


def _raw(data: Path) -> str:
    """The project's own place for them, for who named the folder above."""
    return f", such as {data / 'raw'}" if (data / "raw").is_dir() else ""
