"""Copies of conf/ that hold the same files are looked at, and composed, once.

Hundreds of tests have a project of their own, whose conf/ is a copy. To read its 170 files
and to let Hydra compose them takes a second, and comes to the same each time: what is done
for one copy serves for all, as long as every file has the name, the size and the time of
its original. The program itself remembers what it did by the files' whole paths.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from snowmelt.pipeline.config import composition, conf_files

Files = tuple[tuple[Path, int, int], ...]
KEPT = 256  # compositions: of half a megabyte each


def share(patch: pytest.MonkeyPatch) -> None:
    """Let projects with equal files in conf/ share what was found out of them."""
    patch.setattr(conf_files, "_look_at", _seen_once(conf_files._look_at.__wrapped__))
    patch.setattr(
        composition, "_answered", _composed_once(composition._answered.__wrapped__)
    )


def _seen_once(look_at: Any) -> Any:
    seen: set[tuple[str, int, int]] = set()

    def look(file: Path, folder: Path, changed: int, size: int) -> None:
        known = str(file.relative_to(folder)), changed, size
        if known not in seen:
            look_at(file, folder, changed, size)
            seen.add(known)

    return look


def _composed_once(answered: Any) -> Any:
    asked: list[tuple[Path, Files]] = []

    @functools.lru_cache(maxsize=KEPT)
    def by_content(overrides: tuple[str, ...], files: object) -> DictConfig:
        root, its_files = asked[-1]
        composed: DictConfig = answered(root, overrides, its_files)
        return composed

    def answer(root: Path, overrides: tuple[str, ...], files: Files) -> DictConfig:
        asked[:] = [(root, files)]
        named = tuple((str(file.relative_to(root)), *state) for file, *state in files)
        return by_content(overrides, named)

    return answer
