"""Freed memory stays with this process for its next operation.

A step frees and takes the same few hundred megabytes again and again. glibc hands what lies
at the end of its heap, and each block above 32 MB, back to the system at once, which fills
the pages with zeros before it gives them out again: a fifth of the time of sampling 250
images of 32x32, a twelfth of a step of training with 64. Told not to, a process keeps what
it needed most at any moment; its peak stays the same but for the gaps between blocks.

Other libraries of memory (jemalloc, tcmalloc), macOS and Windows do as they do.
"""

from __future__ import annotations

import ctypes
import os
import sys

# Of malloc.h: the free end of the heap that is handed back, and the block that is mapped
# by itself and so handed back when it is freed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1
# Whoever says by one of these what becomes of freed memory is not overruled.
SAID_BY = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed; returns whether it does."""
    if sys.platform != "linux" or any(name in os.environ for name in SAID_BY):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    return all(mallopt(which, _NEVER) for which in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
