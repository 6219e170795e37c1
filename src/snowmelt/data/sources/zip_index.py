"""What is in a zip file, one entry at a time.

The standard library keeps an object of half a kilobyte for each entry of an archive, which
is too much for a million of them. Its directory, at the end of the file, is read in order
here; nothing is unpacked.

References:
    PKWARE, APPNOTE.TXT 6.3, sections 4.3.12 (the directory), 4.3.14 to 4.3.16 (its end),
    4.5.3 (sizes of more than 4 GB).
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_HEADER = struct.Struct("<4s4B4H3L5H2L")
_LOCAL = struct.Struct("<4s22x2H")
_MOST_COMMENT = 2**16
_WIDE = 0xFFFFFFFF
_ENCRYPTED, _UTF_8 = 0x1, 0x800


class DamagedArchiveError(ValueError):
    """An archive that cannot be read; the message says why."""


@dataclass(frozen=True)
class ZipEntry:
    """One entry of the directory.

    Attributes:
        offset: of the header before its bytes.
        packed, size: how many bytes there are, and how many they become.
        method: 0 for stored, 8 for deflated, others are not read.
        is_link: it is one, by the mode of the system that packed it.
    """

    name: str
    offset: int
    packed: int
    size: int
    method: int
    crc: int
    is_link: bool
    is_encrypted: bool


def zip_entries(file: BinaryIO) -> Iterator[ZipEntry]:
    """The entries of the directory, in its order; folders are left out.

    Raises:
        DamagedArchiveError: there is no directory, or it is cut or inconsistent.
    """
    start, length, moved = _directory(file)
    file.seek(start)
    end = start + length
    while file.tell() < end:
        fields = _HEADER.unpack(_exactly(file, _HEADER.size))
        if fields[0] != b"PK\1\2":
            raise DamagedArchiveError("its directory is damaged")
        made_by, flags, method = fields[2], fields[5], fields[6]
        crc, packed, size, name_length, extra_length, comment_length = fields[9:15]
        offset, mode = fields[18], fields[17] >> 16
        name = _exactly(file, name_length)
        extra = _exactly(file, extra_length)
        file.seek(comment_length, os.SEEK_CUR)
        size, packed, offset = _wide(extra, size, packed, offset)
        text = name.decode("utf-8" if flags & _UTF_8 else "cp437", "surrogateescape")
        if text.endswith("/"):
            continue
        yield ZipEntry(
            name=text.split("\0")[0],
            offset=offset + moved,
            packed=packed,
            size=size,
            method=method,
            crc=crc,
            is_link=made_by == 3 and stat.S_ISLNK(mode),
            is_encrypted=bool(flags & _ENCRYPTED),
        )


def data_offset(descriptor: int, offset: int) -> int:
    """Where the bytes of an entry begin, whose header is at `offset`.

    Raises:
        DamagedArchiveError: there is no such header.
    """
    header = os.pread(descriptor, _LOCAL.size, offset)
    if len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
        raise DamagedArchiveError("no entry where the archive's directory says")
    _, name_length, extra_length = _LOCAL.unpack(header)
    return offset + _LOCAL.size + name_length + extra_length


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the directory begins, how long it is, and how far the entries moved.

    They move where something stands before the archive, as in one that unpacks itself.
    """
    whole = file.seek(0, os.SEEK_END)
    tail_start = max(whole - _MOST_COMMENT - _END.size, 0)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise DamagedArchiveError("it has no directory: it is cut short, or no zip file")
    _, disk, _, _, _, length, start, _ = _END.unpack(tail[at : at + _END.size])
    if disk not in (0, 0xFFFF):
        raise DamagedArchiveError("it is one of several parts: join them")
    end = tail_start + at
    file.seek(max(end - _LOCATOR_64.size, 0))
    locator = file.read(_LOCATOR_64.size)
    if end >= _LOCATOR_64.size and locator[:4] == b"PK\6\7":
        end -= _LOCATOR_64.size + _END_64.size
        file.seek(max(end, 0))
        wide = _END_64.unpack(_exactly(file, _END_64.size))
        if wide[0] != b"PK\6\6":
            raise DamagedArchiveError("the end of its directory is damaged")
        length, start = wide[8], wide[9]
    moved = end - length - start
    if moved < 0:
        raise DamagedArchiveError("its directory is cut short")
    return start + moved, length, moved


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The numbers of an entry; those of more than 32 bits stand in the extra field."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            numbers = iter(struct.iter_unpack("<Q", extra[4 : 4 + length // 8 * 8]))
            try:
                size = next(numbers)[0] if size == _WIDE else size
                packed = next(numbers)[0] if packed == _WIDE else packed
                offset = next(numbers)[0] if offset == _WIDE else offset
            except StopIteration:
                raise DamagedArchiveError("an entry lacks its size") from None
            break
        extra = extra[4 + length :]
    return size, packed, offset


def _exactly(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise DamagedArchiveError("it is cut short")
    return found
