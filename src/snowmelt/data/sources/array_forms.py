"""One array of plain values in a file: .npy, one of an .npz, or idx, packed or not.

It comes back mapped. What is packed is unpacked into a temporary file without a name, no
further than it claims to be; an array that is not packed is mapped where it is.
"""

from __future__ import annotations

import gzip
import math
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from snowmelt.common.array_files import take_room, why_unreadable
from snowmelt.common.errors import UserError, did_you_mean
from snowmelt.common.regular_files import kind_of
from snowmelt.data.sources.idx_form import IDX, idx_heading

_GZIP, _ZIP = b"\x1f\x8b", b"PK\3\4"
# Images of one level shrink to a thousandth; what unpacks to more was made to fill a disk.
_TIMES, _AT_LEAST = 1100, 2**28
_COPIED = 2**20
_FORMS = "a .npy or .npz file, or an idx file"


def load(
    key: str, path: Path, name: str | None = None, scratch: Path | None = None
) -> np.ndarray:
    """Map one array into memory; nothing in the file is executed.

    Args:
        key: of the path, for errors.
        name: which array of an .npz file; None where it holds one.
        scratch: a folder for what has to be unpacked.

    Raises:
        UserError: no such file, or not such an array.
    """
    return _told(key, path, lambda: _loaded(key, path, name, scratch))


def heading(key: str, path: Path, name: str | None = None) -> np.ndarray:
    """An array of the same shape and type without the values; nothing is unpacked.

    Args:
        key, name: see `load`.

    Raises:
        UserError: no such file, or not such an array.
    """
    return _told(key, path, lambda: _headed(key, path, name))


def _told(key: str, path: Path, read: Callable[[], np.ndarray]) -> np.ndarray:
    """What `read` finds in the file; what is wrong with that in one line."""
    if not path.exists():
        raise UserError(f"{key}: {path} does not exist: give {_FORMS}")
    if (kind := kind_of(path)) is not None:
        raise UserError(f"{key}: {path} is {kind}: give {_FORMS}")
    try:
        array = read()
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) or error.errno is None:
            raise _unreadable(key, path, error) from error
        raise
    except Exception as error:  # numpy evaluates the header, and raises nearly anything
        raise _unreadable(key, path, error) from error
    if array.ndim == 0:
        raise UserError(f"{key}: {path} holds a single value: give an array")
    return array


def _unreadable(key: str, path: Path, error: Exception) -> UserError:
    return UserError(
        f"{key}: {path} is not an array of plain numbers, {_FORMS}: {why_unreadable(error)}"
    )


def _chooser(key: str) -> str:
    """The key by which an array of an .npz file is chosen."""
    return "data.labels_array" if key == "data.labels" else "data.array"


def _head(key: str, path: Path, name: str | None) -> bytes:
    """The first bytes, which tell the form."""
    with path.open("rb") as file:
        head = file.read(4)
    if name is not None and head != _ZIP:
        raise ValueError(f"{_chooser(key)}={name} is for an .npz file")
    return head


def _headed(key: str, path: Path, name: str | None) -> np.ndarray:
    head = _head(key, path, name)
    dtype: Any = np.uint8
    if head == _ZIP:
        with zipfile.ZipFile(path) as pack, pack.open(_chosen(key, pack, name)) as packed:
            shape, _, dtype = _npy_heading(packed)
    elif head.startswith(IDX):
        with path.open("rb") as file:
            shape, _ = idx_heading(file)
    elif head.startswith(_GZIP):
        with gzip.open(path) as packed:
            shape, _ = idx_heading(packed)
    else:
        return _mapped_npy(path)
    return np.broadcast_to(np.zeros((), dtype), shape)


def _loaded(key: str, path: Path, name: str | None, scratch: Path | None) -> np.ndarray:
    head = _head(key, path, name)
    if head == _ZIP:
        with zipfile.ZipFile(path) as pack:
            info = _chosen(key, pack, name)
            with pack.open(info) as packed:
                return _npy(_copied(packed, info.file_size, scratch))
    if head.startswith(IDX):
        with path.open("rb") as file:
            return _idx(file)
    if head.startswith(_GZIP):
        with gzip.open(path) as packed:
            return _unpacked_idx(packed, scratch)
    return _mapped_npy(path)


def _mapped_npy(path: Path) -> np.ndarray:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    assert isinstance(array, np.ndarray)
    return array


def _chosen(key: str, pack: zipfile.ZipFile, name: str | None) -> zipfile.ZipInfo:
    """An array of an archive that numpy.savez or numpy.savez_compressed wrote."""
    names = [n.removesuffix(".npy") for n in pack.namelist() if n.endswith(".npy")]
    if name is None and len(names) != 1:
        raise ValueError(f"it holds {', '.join(names)}: choose one by {_chooser(key)}=NAME")
    chosen = names[0] if name is None else name
    if chosen not in names:
        raise ValueError(
            f"it has no array {chosen}{did_you_mean(chosen, names)}: it holds"
            f" {', '.join(names)}"
        )
    info = pack.getinfo(f"{chosen}.npy")
    if info.file_size > max(_AT_LEAST, _TIMES * info.compress_size):
        raise ValueError(
            f"the {info.compress_size} bytes of {chosen} unpack to {info.file_size}"
        )
    return info


def _npy(file: BinaryIO) -> np.ndarray:
    """Map a file that numpy.save wrote, from its beginning."""
    file.seek(0)
    shape, is_fortran, dtype = _npy_heading(file)
    if 0 in shape:
        return np.empty(shape, dtype)
    order = "F" if is_fortran else "C"
    return np.memmap(file, dtype, "r", file.tell(), shape, order)  # type: ignore[call-overload]


def _npy_heading(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether the first axis runs fastest, and the type."""
    version = np.lib.format.read_magic(file)
    read_header: Callable[[Any], Any] = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("allow_pickle")  # told as any array of objects is
    return shape, is_fortran, dtype


def _idx(file: BinaryIO) -> np.ndarray:
    """Map an idx file of bytes."""
    file.seek(0)
    shape, start = idx_heading(file)
    if os.fstat(file.fileno()).st_size != start + math.prod(shape):
        raise ValueError(f"its heading says {shape}, and it is of another length")
    if 0 in shape:
        return np.empty(shape, np.uint8)
    return np.memmap(file, np.uint8, "r", start, shape)


def _unpacked_idx(packed: gzip.GzipFile, scratch: Path | None) -> np.ndarray:
    shape, start = idx_heading(packed)
    size = start + math.prod(shape)
    whole = os.fstat(packed.fileno()).st_size
    if size > max(_AT_LEAST, _TIMES * whole):
        raise ValueError(f"its {whole} bytes would unpack to {size}")
    packed.seek(0)
    return _idx(_copied(packed, size, scratch))


def _copied(stream: Any, size: int, scratch: Path | None) -> BinaryIO:
    """What a stream holds in a temporary file without a name, if it is `size` bytes."""
    file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - it is mapped
    take_room(file.fileno(), size)
    try:
        shutil.copyfileobj(_Limited(stream, size), file, _COPIED)
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"it is damaged ({error})") from error
    if file.tell() != size:
        raise ValueError(f"it holds {file.tell()} bytes of {size}")
    return file


class _Limited:
    """A stream that may not be longer than it says."""

    def __init__(self, stream: Any, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, count: int = -1, /) -> bytes:
        found: bytes = self._stream.read(count)
        self._left -= len(found)
        if self._left < 0:
            raise ValueError("it holds more than it says")
        return found
