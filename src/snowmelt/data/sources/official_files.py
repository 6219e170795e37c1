"""Files that are published with their digest: found, fetched once, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snowmelt.common import argument_checks
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


def check_keys(path: str | None, held_out_fraction: float | None, split: str) -> None:
    """Look at the two keys that every data set with an official split has.

    Args:
        split: what the data set holds out, for the error.

    Raises:
        UserError: the path is no text, or another split is asked for.
    """
    if path is not None:
        argument_checks.text("data.path", path)
    if held_out_fraction is not None:
        raise UserError(
            f"data.held_out_fraction must be null: {split}, got {held_out_fraction}"
        )


def fetched(official: OfficialFile, folder: Path, title: str) -> Path:
    """Download a file into `folder`, whole and verified, or not at all.

    Args:
        title: what people call the data, for the error.

    Raises:
        UserError: no mirror answers, or what came is not the file.
    """
    target = folder / official.name
    if failed := from_mirrors(official.mirrors, target, official.check):
        raise UserError(
            f"{title} is not on this machine and cannot be fetched ({'; '.join(failed)})."
            f" Put {official.name} into {folder}, or name it by data.path=FILE"
        )
    return target


def from_mirrors(
    mirrors: Sequence[str], target: Path, check: Callable[[Path, Path], object]
) -> list[str]:
    """Download `target` from the first mirror that answers, whole or not at all.

    Args:
        check: raises if a file, the first argument, is not what an error would call the
            second.

    Returns:
        Why each mirror failed; empty once the file is there.
    """
    failed = []
    for mirror in mirrors:
        try:
            with new_file(target) as draft:
                download(f"{mirror}{target.name}", draft)
                check(draft, target)
            return []
        except OSError as error:
            failed.append(f"{mirror}: {error}")
    return failed
