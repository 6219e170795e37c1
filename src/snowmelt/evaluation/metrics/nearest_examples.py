"""The two nearest of many examples, exactly, a block at a time.

Squared distances are found by a product of matrices in float64, which for stored images
(whole numbers) is exact. Those of the two that were found are computed again from their
differences, so that a copy is at the distance 0 whatever the features are. Memory is
bounded by the size of the blocks, however many examples there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from snowmelt.common.array_files import release
from snowmelt.evaluation.conditioned_reference import Rows, gathered_rows

_BLOCK = 2**23  # numbers of a block of examples, 64 MB
_MATRIX = 2**22  # distances at a time
_POOL = 2**14  # rows that the others are compared with at a time, at most
_AGAIN = 256  # rows whose distances are computed again at a time


@dataclass(frozen=True)
class Nearest:
    """The nearest example of each row.

    Attributes:
        distance: to the nearest, (N,) float64.
        second: to the second nearest, (N,) float64; infinite where there is one alone.
        row: which example is the nearest, (N,) int64.
    """

    distance: np.ndarray
    second: np.ndarray
    row: np.ndarray


def nearest(rows: Rows, among: Rows, desc: str | None = None, unit: float = 1.0) -> Nearest:
    """The nearest and the second nearest of `among`, by the Euclidean distance.

    Args:
        desc: what the bar says; None for no bar.
        unit: what the distances are divided by.

    Shapes:
        rows: (N, *D), among: (M, *D)

    Raises:
        ValueError: the shapes do not fit, or there is nothing to compare with.
    """
    if rows.shape[1:] != among.shape[1:] or not len(among):
        raise ValueError(f"{rows.shape} cannot be compared with {among.shape}")
    size = int(np.prod(rows.shape[1:]))
    pool = max(1, min(_POOL, _BLOCK // size, len(among)))
    block = max(1, min(_BLOCK // size, _MATRIX // pool))
    both, row = np.empty((len(rows), 2)), np.empty(len(rows), np.int64)
    # What every block needs is taken once. Between the results of blocks the heap would
    # have no room of that size again, and grow with the number of examples.
    room = torch.empty((2, min(block, len(rows)), pool), dtype=torch.float64)
    bar = tqdm(total=len(rows), desc=desc, unit="example", disable=desc is None)
    with bar:
        for start in range(0, len(rows), block):
            part = np.asarray(rows[start : start + block])
            found = _two_of(_wide(part), among, room)
            both[start : start + len(part)] = _again(part, among, found)
            row[start : start + len(part)] = found[:, 0]
            release(rows)
            bar.update(len(part))
    both /= unit
    return Nearest(both[:, 0], both[:, 1], row)


def _wide(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(rows, np.float64).reshape(len(rows), -1))


def _two_of(rows: Tensor, among: Rows, room: Tensor) -> np.ndarray:
    """The places of the two nearest, (B, 2) int64; twice the same of one example alone.

    Shapes:
        room: (2, at least B, how many of `among` are looked at once), overwritten
    """
    count, pool = min(2, len(among)), room.shape[2]
    least = torch.full((len(rows), count), torch.inf, dtype=torch.float64)
    places = torch.zeros((len(rows), count), dtype=torch.int64)
    squares = rows.square().sum(1, keepdim=True)
    for start in range(0, len(among), pool):
        others = _wide(among[start : start + pool])
        release(among)
        found, product = room[:, : len(rows), : len(others)]
        torch.add(squares, others.square().sum(1), out=found)
        found.sub_(torch.matmul(rows, others.T, out=product), alpha=2.0)
        near, where = found.topk(min(count, len(others)), largest=False)
        every, order = torch.cat([least, near], 1).sort(dim=1, stable=True)
        least = every[:, :count]
        places = torch.cat([places, where + start], 1).gather(1, order[:, :count])
    return (places if count == 2 else places.repeat(1, 2)).numpy()


def _again(rows: np.ndarray, among: Rows, places: np.ndarray) -> np.ndarray:
    """The distances of the two that were found, from their differences, (B, 2) float64."""
    found = np.empty(places.shape)
    for start in range(0, len(rows), _AGAIN):
        part = slice(start, start + _AGAIN)
        wide = _wide(rows[part]).numpy()
        for column in range(2):
            others = _wide(gathered_rows(among, places[part, column])).numpy()
            found[part, column] = np.sqrt(np.square(wide - others).sum(axis=1))
    if len(among) == 1:
        found[:, 1] = np.inf
        return found
    # What rounding had in the wrong order is put right.
    wrong = found[:, 1] < found[:, 0]
    found[wrong] = found[wrong][:, ::-1]
    places[wrong] = places[wrong][:, ::-1]
    return found
