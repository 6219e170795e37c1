"""Zip and tar files as places of images. Nothing is unpacked to the disk by its name.

An archive is somebody else's file. Names only name: they lead to no path. Links, encrypted
entries and names outside of the archive are left out and counted. What an entry becomes is
limited by the size that it claims, and that by `LARGEST`, before a byte is unpacked.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from snowmelt.common.regular_files import open_regular
from snowmelt.data.sources.entry_digests import file_stamp
from snowmelt.data.sources.image_list import Entry
from snowmelt.data.sources.zip_index import DamagedArchiveError, data_offset, zip_entries

LARGEST = 2**28  # bytes of one image file
TAR, STORED, DEFLATED = -1, 0, 8
_NO_CRC = -1
_HEADING = 2**20  # bytes of a name or the like in a tar file
_TIMES, _AT_LEAST = 100, 2**30  # a packed tar file may become so much larger, or so large
_COPIED = 2**20
_BEGINNING = 2**12  # packed bytes that surely hold the tables and the first bytes
_PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


class Member(NamedTuple):
    """An entry, and why it is none that could be read, or None."""

    entry: Entry
    reason: str | None


class Archive:
    """An open archive of one of the two kinds.

    Args:
        path: the file. A packed tar file is unpacked as a whole into a temporary file
            without a name.
        scratch: the folder for that; None for the system's.

    Attributes:
        stamp: where it lies, its size and times.

    Raises:
        DamagedArchiveError: it is neither a zip nor a tar file, or would unpack to far
            more than it is.
    """

    def __init__(self, path: Path, scratch: Path | None = None) -> None:
        self.file = open_regular(path)
        # Before it is read: what changes later is another file.
        self.stamp = str(path.resolve()), *file_stamp(self.file.fileno())
        head = self.file.read(8)
        self._is_zip = head[:2] == b"PK"
        if opener := next((o for m, o in _PACKED.items() if head.startswith(m)), None):
            self.file = _unpacked(self.file, opener, scratch)
        if not self._is_zip and not _is_tar(self.file):
            raise DamagedArchiveError("it is neither a zip nor a tar file")

    def members(self) -> Iterator[Member]:
        """All files in it, in its own order.

        Raises:
            DamagedArchiveError: it is cut short or damaged.
        """
        return self._of_zip() if self._is_zip else self._of_tar()

    def _of_zip(self) -> Iterator[Member]:
        for found in zip_entries(self.file):
            place = (found.offset, found.packed, found.size, found.method, found.crc)
            reason = "link" if found.is_link else None
            reason = "encrypted" if found.is_encrypted else reason
            yield _member(found.name, place, reason)

    def _of_tar(self) -> Iterator[Member]:
        self.file.seek(0)
        try:
            with tarfile.open(
                fileobj=cast(BinaryIO, _Bounded(self.file)), mode="r:"
            ) as tar:
                while (found := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # else it keeps all
                    if found.isdir():
                        continue
                    is_plain = found.isreg() and not found.issparse()
                    place = (found.offset_data, found.size, found.size, TAR, _NO_CRC)
                    yield _member(found.name, place, None if is_plain else "link")
        except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
            raise DamagedArchiveError(f"it is damaged ({error})") from error


def member_head(descriptor: int, place: tuple[int, ...], most: int) -> bytes:
    """The first bytes of what an entry of an open archive holds; no more is unpacked.

    Raises:
        DamagedArchiveError: as `member_bytes`, as far as the beginning tells.
    """
    _, packed, _, method, _ = place
    start = _start(descriptor, place)
    if method != DEFLATED:
        return os.pread(descriptor, min(packed, most), start)
    return _inflated(os.pread(descriptor, min(packed, _BEGINNING), start), most)


def member_bytes(descriptor: int, place: tuple[int, ...]) -> BytesIO:
    """What an entry of an open archive holds.

    Raises:
        DamagedArchiveError: it claims too much, holds something else than it claims, or is
            packed in a way that is not read here.
    """
    _, packed, size, method, crc = place
    content = os.pread(descriptor, packed, _start(descriptor, place))
    if len(content) < packed:
        raise DamagedArchiveError("the archive is cut short")
    if method == DEFLATED:
        content = _inflated(content, size + 1)
    if len(content) != size or (crc != _NO_CRC and zlib.crc32(content) != crc):
        raise DamagedArchiveError("it holds other bytes than the archive says")
    return BytesIO(content)


def _start(descriptor: int, place: tuple[int, ...]) -> int:
    """Where the bytes of an entry begin that can be read here."""
    offset, packed, size, method, _ = place
    if max(size, packed) > LARGEST:
        raise DamagedArchiveError(f"it claims {size} bytes, at most {LARGEST} are read")
    if method not in (TAR, STORED, DEFLATED):
        raise DamagedArchiveError(f"it is packed by method {method}: pack it by deflate")
    return offset if method == TAR else data_offset(descriptor, offset)


def _inflated(content: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, most)
    except zlib.error as error:
        raise DamagedArchiveError(f"it is damaged ({error})") from error


def _member(name: str, place: tuple[int, ...], reason: str | None) -> Member:
    """With a name below the archive's root, or the reason why it has none."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    is_outside = name.startswith("/") or ".." in parts or "\\" in name or not parts
    named = name if is_outside else "/".join(parts)
    return Member(Entry(named, place), "outside of the archive" if is_outside else reason)


def _is_tar(file: BinaryIO) -> bool:
    file.seek(257)
    return file.read(5) == b"ustar"


def _unpacked(file: BinaryIO, opener: Callable[..., Any], scratch: Path | None) -> BinaryIO:
    """A packed tar file as a temporary file without a name."""
    whole = os.fstat(file.fileno()).st_size
    most = max(_AT_LEAST, _TIMES * whole)
    plain = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - it stays open
    file.seek(0)
    try:
        with opener(file) as stream:
            while block := stream.read(_COPIED):
                plain.write(block)
                if plain.tell() > most:
                    raise DamagedArchiveError(f"its {whole} bytes unpack to over {most}")
                if plain.tell() == len(block) and not _is_tar(plain):
                    raise DamagedArchiveError("it is packed, but no tar file")
                plain.seek(0, os.SEEK_END)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DamagedArchiveError(f"it is damaged ({error})") from error
    plain.flush()
    return plain


class _Bounded:
    """A file that refuses to be read in large parts, as a damaged heading may ask for."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= _HEADING:
            raise tarfile.ReadError(f"a heading of {count} bytes")
        return self._read(count)
