"""Damage as disks and transfers do it."""

from __future__ import annotations

import random
from pathlib import Path


def flip(path: Path, seed: int = 0) -> int:
    """Flip one bit of a file at a random place; returns the number of the bit."""
    content = bytearray(path.read_bytes())
    place = random.Random(seed).randrange(8 * len(content))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    return place
