"""The embedded digits keep their own levels."""

from __future__ import annotations

import numpy as np

from snowmelt.data.sources.digits import Digits


def test_digits() -> None:
    raw = Digits(name="digits").read()
    assert (raw.examples.shape, raw.examples.dtype.name) == ((1797, 1, 8, 8), "uint8")
    assert np.unique(raw.examples).tolist() == list(range(17))
    assert raw.value_range == (0, 16)
    assert raw.classes == tuple("0123456789")
    assert raw.labels is not None
    assert raw.labels[:10].tolist() == list(range(10))
    # The first example is a zero: its middle is empty, its rim is not.
    assert raw.examples[0, 0, 3:5, 3].tolist() == [0, 0]
    assert raw.examples[0, 0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
