"""Whether files still hold the bytes that their record names.

Small files are read before anything is made of them. Large ones are read in the background,
so that the first step of a training waits for nothing; whoever works on them asks again
before an output is written.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from snowmelt.common.errors import UserError
from snowmelt.common.files import require, sha256
from snowmelt.common.records import SHOWN

AT_ONCE = 2**25  # bytes; a few hundredths of a second


class Verification:
    """A comparison of files with their digests, which may still go on.

    Args:
        folder: holds the files.
        digests: the SHA-256 of each, by name.
        made_by: the stage that wrote them, which the message says to run again.

    Raises:
        UserError: a file is missing, or a small one holds other bytes.
    """

    def __init__(self, folder: Path, digests: Mapping[str, str], *, made_by: str) -> None:
        self._made_by = made_by
        self._damage: UserError | None = None
        large: dict[Path, str] = {}
        for name, digest in digests.items():
            path = require(folder / name, made_by=made_by)
            if path.stat().st_size > AT_ONCE:
                large[path] = digest
            else:
                self._compare(path, digest)
        self._thread = threading.Thread(
            target=self._compare_all, args=(large,), name="verification", daemon=True
        )
        self._thread.start()

    def check(self) -> None:
        """Return at once.

        Raises:
            UserError: a file that was read by now holds other bytes.
        """
        if self._damage is not None:
            raise self._damage

    def finish(self) -> None:
        """Wait until every file has been read.

        Raises:
            UserError: one holds other bytes.
        """
        self._thread.join()
        self.check()

    def _compare_all(self, files: Mapping[Path, str]) -> None:
        try:
            for path, digest in files.items():
                self._compare(path, digest)
        except UserError as error:
            self._damage = error

    def _compare(self, path: Path, digest: str) -> None:
        again = f"run `snowmelt {self._made_by}` again"
        try:
            found = sha256(path)
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}): {again}") from error
        if found != digest:
            raise UserError(
                f"{path} is not as `snowmelt {self._made_by}` wrote it, it was damaged or"
                f" replaced since: its SHA-256 begins {found[:SHOWN]}, its record says"
                f" {str(digest)[:SHOWN]}: {again}"
            )
