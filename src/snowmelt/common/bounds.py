"""Numbers with the range in which they can be meant, for the signatures of constructors.

    class Cosine(NoiseSchedule):
        def __init__(self, steps: Count = 1000, max_beta: Fraction = 0.999) -> None: ...

The range is part of the type, so a configuration is checked against it before anything
is built (`snowmelt.common.signatures`). A number without one of these may be anything up to
`LARGEST`. The limits are far above what is useful: they are there so that a slip of the
keyboard is a message, and not a machine without memory.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

LARGEST = 1e9

# Whole numbers.
Seed = Annotated[int, Interval(ge=0, lt=2**63)]
"""What the counter-based noise takes; see `snowmelt.common.randomness`."""
Count = Annotated[int, Interval(ge=1, le=1_000_000)]
"""Steps, draws and repetitions."""
Many = Annotated[int, Interval(ge=1, le=100_000_000)]
"""Examples of a data set."""
Few = Annotated[int, Interval(ge=1, le=1000)]
"""What takes a part of a network, or a pass over the data, each."""
Iterations = Annotated[int, Interval(ge=1, le=99)]
"""Of a method that comes close in a few."""
Blocks = Annotated[int, Interval(ge=1, le=100)]
"""Blocks of a network, at each resolution where there are several."""
Width = Annotated[int, Interval(ge=1, le=65_536)]
"""Features of a layer, or examples at once."""
Patch = Annotated[int, Interval(ge=1, le=256)]
"""Pixels along the side of a square that a network takes as one place."""
Memories = Annotated[int, Interval(ge=1, le=4)]
"""Estimates that a rule of several steps looks back on."""
Octaves = Annotated[int, Interval(ge=0, le=32)]
"""Waves, each of twice the frequency of the one before: float32 tells no more apart."""
Level = Annotated[int, Interval(ge=0, le=255)]
"""A value of a pixel of 8 bits."""
DeepLevel = Annotated[int, Interval(ge=0, le=65_535)]
"""A value of a pixel of 16 bits."""
Pixels = Annotated[int, Interval(ge=1, le=2**32)]
"""Pixels of an image."""
Repeats = Annotated[int, Interval(ge=0, le=1000)]
"""How often something is done again; 0 for never."""
Side = Annotated[int, Interval(ge=1, le=4096)]
"""Pixels or cells along a side: their square has to fit into the memory."""

# Numbers.
Positive = Annotated[float, Interval(gt=0, le=1e6)]
NotNegative = Annotated[float, Interval(ge=0, le=1e6)]
Factor = Annotated[float, Interval(ge=0, le=1000)]
Fraction = Annotated[float, Interval(gt=0, lt=1)]
Share = Annotated[float, Interval(ge=0, le=1)]
BelowOne = Annotated[float, Interval(ge=0, lt=1)]
LogSNR = Annotated[float, Interval(ge=-200, le=200)]
