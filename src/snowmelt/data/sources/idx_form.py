"""The idx form: two zeros, the kind of numbers, how many axes, the length of each in four
bytes, the numbers.

References:
    LeCun, Cortes & Burges, "The MNIST database of handwritten digits" describe it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

IDX = b"\0\0\x08"  # of bytes alone


def idx_heading(file: Any) -> tuple[tuple[int, ...], int]:
    """The shape, and where the numbers begin, of a file that stands at its beginning.

    Raises:
        ValueError: it is no idx file of bytes, or its heading is cut short.
    """
    head = file.read(4)
    if not head.startswith(IDX) or len(head) < 4 or head[3] == 0:
        raise ValueError("not an idx file of bytes")
    lengths = file.read(4 * head[3])
    return tuple(np.frombuffer(lengths, ">u4", head[3]).tolist()), 4 + len(lengths)
