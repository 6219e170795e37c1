"""Files that are published with their digest: found, fetched once, and compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from snowmelt.common.download import download
from snowmelt.common.errors import UserError
from snowmelt.common.files import new_file
from snowmelt.common.regular_files import open_regular


@dataclass(frozen=True)
class OfficialFile:
    """A file as its makers publish it.

    Attributes:
        digest: its SHA-256, or its MD5 where no other is published. That tells accident,
            and no second file with the MD5 of a given one is known.
        mirrors: where it can be fetched; each ends in a slash.
    """

    name: str
    digest: str
    mirrors: tuple[str, ...] = ()

    def check(self, path: Path, called: Path | None = None) -> None:
        """Refuse a file with other bytes.

        Args:
            called: what the error calls it.

        Raises:
            UserError: it holds something else, or cannot be read.
        """
        kind = "md5" if len(self.digest) == 32 else "sha256"
        try:
            with open_regular(path) as file:
                found = hashlib.file_digest(file, kind).hexdigest()  # type: ignore[arg-type]
        except OSError as error:
            raise UserError(
                f"{called or path} cannot be read ({error.strerror or error})"
            ) from error
        if found != self.digest:
            raise UserError(
                f"{called or path} is not the official {self.name}, or is damaged: its"
                f" {kind.upper()} is {found}, not {self.digest}: replace or delete it"
            )


def fetched(official: OfficialFile, folder: Path, title: str) -> Path:
    """Download a file into `folder`, whole and verified, or not at all.

    Args:
        title: what people call the data, for the error.

    Raises:
        UserError: no mirror answers, or what came is not the file.
    """
    target, reasons = folder / official.name, []
    for mirror in official.mirrors:
        try:
            with new_file(target) as draft:
                download(f"{mirror}{official.name}", draft)
                official.check(draft, target)
            return target
        except OSError as error:
            reasons.append(f"{mirror}: {error}")
    raise UserError(
        f"{title} is not on this machine and cannot be fetched ({'; '.join(reasons)}). Put"
        f" {official.name} into {folder}, or name it by data.path=FILE"
    )
