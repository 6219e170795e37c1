"""A digest of the package's own source files, part by part.

A result that follows from code as well as from data is named by both. What decides it is
said by whole parts of the package, the same ones that the stage depends on in dvc.yaml.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def code_digest(parts: Sequence[str]) -> str:
    """The SHA-256 of the bytes of all source files in some parts of the package.

    Args:
        parts: folders or files below the package, such as `diffusion` or
            `training/checkpoint.py`.

    Raises:
        FileNotFoundError: the package has no such part, or no source file is in it.
    """
    digest = hashlib.sha256()
    for path in source_files(parts):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def source_files(parts: Sequence[str]) -> list[Path]:
    """The source files in some parts of the package, sorted; see `code_digest`.

    Raises:
        FileNotFoundError: the package has no such part, or no source file is in it.
    """
    found: set[Path] = set()
    for part in parts:
        place = PACKAGE / part
        files = {place} if place.is_file() else set(place.rglob("*.py"))
        if not files:
            raise FileNotFoundError(f"snowmelt has no source files in {part}")
        found |= files
    return sorted(found)
