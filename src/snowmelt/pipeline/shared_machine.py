"""How the threads of this process wait for each other on a machine that others use too.

torch divides each operation among threads, and one that is done first waits for the rest.
GNU's OpenMP, which torch brings on Linux, waits by spinning for milliseconds, since to wake
a sleeping thread takes tens of microseconds. Where a neighbour has taken the processor from
one thread the others spin until it comes back, and take time away from it by doing so:
beside ten busy processes a training was ten times as slow as with threads that sleep. A
short spin bridges the gap between two operations of a training that is alone, and no more.

The library reads its variables when it is loaded, so this imports nothing heavy.
"""

from __future__ import annotations

import os

# Turns of an empty loop, some tens of microseconds.
SPIN = "1000"
# Whoever says by one of these how threads wait is not overruled.
SAID_BY = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")


def wait_briefly() -> None:
    """Let waiting threads sleep soon, in this process and in those that it starts."""
    if not any(name in os.environ for name in SAID_BY):
        os.environ["GOMP_SPINCOUNT"] = SPIN
