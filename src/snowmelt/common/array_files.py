"""Named arrays in one file: whole or absent, and never anything but arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file, require


def write_arrays(target: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays as .npz, whole or not at all; equal arrays give equal bytes."""
    with new_file(target) as draft, draft.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def mapped(source: Path, *, made_by: str) -> Any:
    """An array of the stage `made_by`, mapped from disk, or the arrays of an .npz.

    Raises:
        UserError: the file is missing, damaged or holds objects.
    """
    require(source, made_by=made_by)
    try:
        return np.load(source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = why_unreadable(error)
        raise UserError(
            f"{source} is not a readable array ({reason}): run `snowmelt {made_by}` again"
        ) from error


def why_unreadable(error: Exception) -> str:
    """Why numpy refused a file; of what it takes for a pickle it advises to load that."""
    is_advice = "allow_pickle" in str(error)
    return "not the form in which numpy stores plain numbers" if is_advice else str(error)


def read_arrays(source: Path) -> dict[str, NDArray]:
    """The arrays of an .npz file; none where there is no file.

    Raises:
        UserError: the file is damaged, or holds objects, which loading would execute.
    """
    if not source.exists():
        return {}
    try:
        with np.load(source, allow_pickle=False) as found:
            return dict(found)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = why_unreadable(error)
        raise UserError(
            f"{source} is no file of arrays ({reason}): run the stage that wrote it again"
        ) from error
