"""Writing examples in a new order, a few at a time, and what is learnt on the way.

The examples may be more than fit into the memory: they are mapped from disk or read as they
are asked for, and eight bytes of each are kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snowmelt.common.array_files import create_rows, gathered, write_rows
from snowmelt.data.prepared.image_rows import ImageRows

_CHUNK = 256
_LONG = 200_000  # examples that take long enough for a progress bar


@dataclass(frozen=True)
class Stored:
    """What is known of the rows of a file.

    Attributes:
        fingerprints: eight bytes of a digest of each, (N,) uint64.
        levels: of images, which of the 256 levels occur: the "least", the "greatest", and
            how many "distinct" ones; None for points.
    """

    fingerprints: np.ndarray
    levels: dict[str, int] | None


def store(path: Path, examples: np.ndarray | ImageRows, order: np.ndarray) -> Stored:
    """Write the examples as .npy in an order, (N,) integers.

    Raises:
        OSError: there is not enough room.
    """
    create_rows(path, examples.dtype, (len(order), *examples.shape[1:]))
    fingerprints = np.empty(len(order), np.uint64)
    seen = np.zeros(256, dtype=bool)
    is_images = examples.dtype == np.uint8
    starts = range(0, len(order), _CHUNK)
    for start in tqdm(starts, desc="storing rows", disable=len(order) < _LONG):
        rows = _rows(examples, order[start : start + _CHUNK])
        write_rows(path, start, rows)
        fingerprints[start : start + len(rows)] = [_fingerprint(row) for row in rows]
        if is_images:
            seen[rows.ravel()] = True
    return Stored(fingerprints, _levels(seen) if is_images else None)


def leaked(
    fingerprints: np.ndarray,
    examples: np.ndarray | ImageRows,
    order: np.ndarray,
    train_count: int,
) -> int:
    """How many held-out examples are equal, byte by byte, to a training example.

    Such copies flatter every number that is measured on the held-out split.

    Args:
        fingerprints: of the examples in their order, the training split first.
    """
    by_value = np.argsort(fingerprints[:train_count], kind="stable")
    ranked = fingerprints[:train_count][by_value]
    copies = 0
    for start in range(train_count, len(order), _CHUNK):
        wanted = fingerprints[start : start + _CHUNK]
        places = np.searchsorted(ranked, wanted).clip(0, train_count - 1)
        for number in np.flatnonzero(ranked[places] == wanted):
            pair = order[[start + number, by_value[places[number]]]]
            mine, other = _rows(examples, pair)
            copies += bool(np.array_equal(mine, other, equal_nan=False))
    return copies


def _rows(examples: np.ndarray | ImageRows, rows: np.ndarray) -> np.ndarray:
    if isinstance(examples, np.ndarray):
        return gathered(examples, rows)
    return examples[rows]


def _levels(seen: np.ndarray) -> dict[str, int]:
    levels = np.flatnonzero(seen)
    least, greatest = int(levels[0]), int(levels[-1])
    return {"least": least, "greatest": greatest, "distinct": len(levels)}


def _fingerprint(row: np.ndarray) -> int:
    return int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little")
