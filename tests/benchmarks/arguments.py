"""Numbers and files of a command line, refused in one line where they are none."""

from __future__ import annotations

import argparse
import math
from pathlib import Path


def count(text: str) -> int:
    """A whole number above 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text}")
    return value


def seconds(text: str) -> float:
    """A time above 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    value = float(text)
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def existing_file(text: str) -> Path:
    """A file that is there.

    Raises:
        ArgumentTypeError: it is not.
    """
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def folder(text: str) -> Path:
    """A folder that is there or can be made.

    Raises:
        ArgumentTypeError: a file has its name.
    """
    path = Path(text)
    if any(place.exists() and not place.is_dir() for place in (path, *path.parents)):
        raise argparse.ArgumentTypeError(f"{text} is no folder, and cannot be made one")
    return path
