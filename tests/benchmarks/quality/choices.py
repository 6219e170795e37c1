"""Our settings for ten minutes, and each choice undone."""

from __future__ import annotations

OURS = ["experiment=images32", "trainer=auto"]
CHOICES: dict[str, list[str]] = {}
