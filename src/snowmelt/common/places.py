"""Paths that a configuration names, and the folder that they count from.

A key that names a file or a folder is declared as a `Place`, in a section as well as in the
constructor of a part. That declaration alone decides that a path typed on a command line
counts from the folder where it was typed; all others count from the project's root.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from snowmelt.common import public_names
from snowmelt.common.section import Text

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:/")
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class PlaceMark:
    """Marks a declared key whose value is the path of a file or a folder."""


Place = Annotated[Text, PlaceMark()]


def is_place(annotation: Any) -> bool:
    """Whether a type is `Place`, or a union with it such as `Place | None`."""
    if get_origin(annotation) is Annotated:
        return any(isinstance(part, PlaceMark) for part in get_args(annotation)[1:])
    return any(is_place(part) for part in get_args(annotation))


@functools.cache
def takes_place(target: str, name: str) -> bool:
    """Whether an argument of the class that `_target_` names is a `Place`."""
    if not target.startswith("snowmelt."):
        return False
    try:
        found = public_names.find(target)
    except (ImportError, AttributeError):
        return False  # who builds it says what is wrong
    declaring = found if is_dataclass(found) else found.__init__
    return is_place(get_type_hints(declaring, include_extras=True).get(name))


def is_address(text: str) -> bool:
    """Whether a text is an address such as `s3://bucket`, and no path."""
    return _ADDRESS.match(text) is not None


def in_address(path: Path) -> str:
    """A path as it stands in the address of an sqlite database.

    SQLAlchemy takes what follows a question mark for options, and `%20` for a space.
    """
    return str(path).replace("%", "%25").replace("?", "%3F")


def located(root: Path, named: str) -> Path:
    """A path of the configuration: below the root unless it is absolute; ~ is a home."""
    return root / Path(os.path.expanduser(named))


def not_copied(place: Path) -> str:
    """What to add where DVC did not copy a place, or not all of it; else nothing.

    `dvc exp run --temp` and its queue run in a copy of the project, which has the files
    that git knows and no others.
    """
    copies = Path(".dvc", "tmp", "exps").parts
    for depth in range(len(place.parts) - len(copies)):
        if place.parts[depth : depth + len(copies)] == copies:
            main, below = Path(*place.parts[:depth]), place.parts[depth + len(copies) :]
            # exps/NAME of the queue, exps/standalone/NAME of --temp
            there = main.joinpath(*below[2 if below[0] == "standalone" else 1 :])
            if _names(there) - _names(place):
                return (
                    f". DVC runs this experiment in a copy of {main}, into which it takes"
                    " no file that git ignores: give the absolute path,"
                    f" `-S data_path={there}`"
                )
    return ""


def _names(place: Path) -> set[str]:
    """What is in a folder; of a file its name; nothing where nothing is."""
    if place.is_dir():
        return {path.name for path in place.iterdir()}
    return {place.name} if place.exists() else set()


def counted_from_root(typed: str, here: Path, root: Path) -> str:
    """A path typed in the folder `here`, as a configuration keeps it.

    Below the root it is relative to that, so that a project can be moved; elsewhere it is
    absolute. An address, a reference (`${data_path}`) and an empty text stay as they are,
    but for the file of an sqlite database.

    Args:
        here, root: absolute.
    """
    if typed.startswith(_SQLITE) and not typed.startswith(f"{_SQLITE}/"):
        return f"{_SQLITE}{in_address(here)}/{typed.removeprefix(_SQLITE)}"
    if not typed or typed.startswith("${") or is_address(typed):
        return typed
    path = here / Path(os.path.expanduser(typed))
    if ".." in path.parts:
        path = path.resolve()  # what is above a link is above what it points to
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
