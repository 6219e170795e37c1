"""What tests of stopped samplings share."""

from __future__ import annotations

from typing import Any

import pytest

from snowmelt.sampling.storage.drawn_rows import DrawnRows


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The first sample of each batch that is written, and how many they are."""
    found: list[tuple[int, int]] = []
    write = DrawnRows.write

    def noted(self: DrawnRows, first: int, rows: Any) -> str:
        found.append((first, len(rows)))
        return write(self, first, rows)

    monkeypatch.setattr(DrawnRows, "write", noted)
    return found
