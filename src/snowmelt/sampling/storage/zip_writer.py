"""A zip file of any number of entries, written in one go in the same memory.

The library's writer keeps an object for each entry until the end. Here the list of entries,
which a zip file ends with, waits in a temporary file. Entries are stored as they are, at a
fixed time, so equal contents give equal bytes.

References:
    PKWARE, .ZIP File Format Specification 6.3.9, sections 4.3.7 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_LARGE = _ALL_ONES = 2**32 - 1  # from here on eight bytes, and these ones in place of four
_MANY = 2**16 - 1
_VERSION, _VERSION_64 = 20, 45  # needed to read: 2.0, and 4.5 for large places
_UNIX = 3 << 8
_UTF_8 = 1 << 11
_DAY = 1 << 5 | 1  # the first of January 1980
_MODE = 0o100644 << 16


class ZipWriter:
    """A zip file that gets one entry after another.

    Args:
        path: of the file, which is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = self._place = 0

    def __enter__(self) -> Self:
        self._file: BinaryIO = self._path.open("wb")
        self._list = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._end()
        finally:
            self._list.close()
            self._file.close()

    def add(self, name: str, content: bytes) -> None:
        """Write an entry of less than 4 GiB.

        Raises:
            OSError: the disk is full.
        """
        text, size = name.encode(), len(content)
        is_far = self._place >= _LARGE
        version = _VERSION_64 if is_far else _VERSION
        facts = struct.pack(
            "<HHHHHIIIH", version, _UTF_8, 0, 0, _DAY, zlib.crc32(content), size, size,
            len(text),
        )  # fmt: skip
        extra = struct.pack("<HHQ", 1, 8, self._place) if is_far else b""
        place = _ALL_ONES if is_far else self._place
        rest = struct.pack("<HHHHII", len(extra), 0, 0, 0, _MODE, place)
        self._list.write(
            b"PK\1\2" + struct.pack("<H", _UNIX | version) + facts + rest + text + extra
        )
        heading = b"PK\3\4" + facts + struct.pack("<H", 0) + text
        self._file.write(heading)
        self._file.write(content)
        self._place += len(heading) + size
        self._count += 1

    def _end(self) -> None:
        """Write the list of entries, and where it is."""
        first, count, size = self._place, self._count, self._list.tell()
        self._list.seek(0)
        shutil.copyfileobj(self._list, self._file)
        if first >= _LARGE or count >= _MANY or size >= _LARGE:
            version = struct.pack("<HH", _UNIX | _VERSION_64, _VERSION_64)
            numbers = struct.pack("<IIQQQQ", 0, 0, count, count, size, first)
            self._file.write(b"PK\6\6" + struct.pack("<Q", 44) + version + numbers)
            self._file.write(b"PK\6\7" + struct.pack("<IQI", 0, first + size, 1))
        shown = min(count, _MANY)
        ends = [_ALL_ONES if number >= _LARGE else number for number in (size, first)]
        self._file.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, shown, shown, *ends, 0))
