r"""Sets whose shares of the classes are fixed: how many rows of each class they have.

A share of n rows is seldom a whole number. The counts are those of Webster's method, by
which the j-th row of class $k$ has its place at $(j - \tfrac12) / p_k$ and a set takes
rows in that order. So a set that grows never gives a row of any class back: whatever is
enough for a set is enough for every smaller one. Where all N samples are taken, each class
has exactly what it has among them.

Reference:
    Balinski & Young (1982), "Fair Representation", on the methods of apportionment.
"""

from __future__ import annotations

import numpy as np


def taken(available: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The classes in the order in which a set takes them as it grows.

    It ends where the next row would be of a class that has none left, so its length is
    that of the largest set. Of equal places the first class has the first.

    Shapes:
        available: rows of each class, shares: sums to 1, (K,) -> (n,) int64
    """
    known = np.flatnonzero(shares)
    rows = available[known] + 1  # the last of each is missing
    classes = np.repeat(known, rows)
    number = np.concatenate([np.arange(count) for count in rows])
    order = np.argsort((number + 0.5) / shares[classes], kind="stable")
    is_missing = number == available[classes]
    return classes[order][: int(np.argmax(is_missing[order]))]
