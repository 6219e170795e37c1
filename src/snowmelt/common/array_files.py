"""Named arrays in one file: whole or absent, and never anything but arrays."""

from __future__ import annotations

import errno
import io
import math
import mmap
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file, require
from snowmelt.common.regular_files import open_regular, refuse_irregular

# Numbers shrink to a tenth at best, unless most of them are the same; those of ours are
# small. An archive of a few MB that unpacks to many GB was made to fill the memory.
_LARGE = 2**28
_MOST_TIMES = 50
_GATHERED = 16  # rows
_PART = 2**20  # bytes


def write_arrays(target: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays as .npz, whole or not at all; equal arrays give equal bytes."""
    with new_file(target) as draft, draft.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as .npy, in C order."""
    create_rows(path, array.dtype, array.shape)
    write_rows(path, 0, array)


def create_rows(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Make a .npy file whose rows are written later, and take its room on the disk.

    Rows are written, not mapped: a full disk then raises an error, where writing to mapped
    memory would end the process by a signal, without a word.

    Raises:
        OSError: there is not enough room.
    """
    header = npy_header(dtype, shape)
    with path.open("wb") as stream:
        stream.write(header)
        stream.flush()
        size = len(header) + np.dtype(dtype).itemsize * math.prod(shape)
        take_room(stream.fileno(), size)


def npy_header(dtype: DTypeLike, shape: tuple[int, ...]) -> bytes:
    """What a .npy file begins with, before its numbers in C order."""
    stream = io.BytesIO()
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def take_room(descriptor: int, size: int) -> None:
    """Make an open file `size` bytes long, and take its room on the disk.

    Raises:
        OSError: there is not enough room.
    """
    try:
        if size:
            os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        os.ftruncate(descriptor, size)  # this file system takes no room in advance


def write_rows(path: Path, first: int, rows: NDArray[Any]) -> None:
    """Write some rows of a file that `create_rows` made; processes may share the work."""
    with path.open("r+b") as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        stream.seek(first * math.prod(shape[1:]) * dtype.itemsize, os.SEEK_CUR)
        stream.write(np.asarray(rows, dtype=dtype).tobytes())


def mapped(source: Path, *, made_by: str) -> Any:
    """An array of the stage `made_by`, mapped from disk, or the arrays of an .npz.

    Raises:
        UserError: the file is missing, damaged or holds objects.
    """
    require(source, made_by=made_by)
    try:
        refuse_irregular(source)
        return np.load(source, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy evaluates the header, and raises nearly anything
        reason = why_unreadable(error)
        raise UserError(
            f"{source} is not a readable array ({reason}): run `snowmelt {made_by}` again"
        ) from error


def release(array: Any) -> None:
    """Let go of what was read of an array that is mapped from disk; of others nothing.

    What was read stays in the system's cache, which it takes back when it needs room, but
    counts as this process's memory until then.
    """
    if (mapping := _mapping_of(array)) is not None:
        mapping.madvise(mmap.MADV_DONTNEED)


def gathered(array: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Some rows of an array, (N, *D) and (n,) integers -> (n, *D), read and let go of.

    A row from anywhere brings its surroundings with it, 64 kB or more, so few are taken at
    a time.
    """
    if _mapping_of(array) is None:
        return array[rows]
    found = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for start in range(0, len(rows), _GATHERED):
        found[start : start + _GATHERED] = array[rows[start : start + _GATHERED]]
        release(array)
    return found


def in_parts(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The rows of an array in order, a MB at a time, let go of one after another.

    Returns:
        The number of the first row of a part, and the part.
    """
    row = math.prod(array.shape[1:]) * array.dtype.itemsize
    size = max(_PART // max(row, 1), 1)
    for start in range(0, len(array), size):
        yield start, array[start : start + size]
        release(array)


def _mapping_of(array: Any) -> mmap.mmap | None:
    """What an array, or the one that it is a view of, is mapped by."""
    while isinstance(array, np.ndarray):
        mapping: mmap.mmap | None = getattr(array, "_mmap", None)
        if mapping is not None:
            return mapping
        array = array.base
    return None


def why_unreadable(error: Exception) -> str:
    """Why numpy refused a file; of what it takes for a pickle it advises to load that."""
    if "allow_pickle" in str(error):
        return "not the form in which numpy stores plain numbers"
    return " ".join(str(error).split()) or type(error).__name__


def read_arrays(source: Path) -> dict[str, NDArray]:
    """The arrays of an .npz file; none where there is no file.

    Raises:
        UserError: the file is damaged, would unpack to far more than it is, or holds
            objects, which loading would execute.
    """
    if not source.exists():
        return {}
    try:
        with open_regular(source) as file, np.load(file, allow_pickle=False) as found:
            _refuse_bomb(found.zip.infolist())
            return dict(found)
    except Exception as error:  # a damaged archive raises nearly anything
        reason = why_unreadable(error)
        raise UserError(
            f"{source} is no file of arrays ({reason}): run the stage that wrote it again"
        ) from error


def _refuse_bomb(members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse by the sizes that an archive claims, which limit what is unpacked."""
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(_LARGE, _MOST_TIMES * packed):
        raise ValueError(f"its {packed} bytes would unpack to {unpacked}")
