"""How many values of samples lie at the edge of the data, against how many of the data do.

The last safety net: whatever drives samples out of their range, a trained network, its
guidance or a sampler, ends in pixels of the lowest and the highest level alone, or in
points that lie where there is no data. The values themselves are all valid, so nothing else
would notice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from snowmelt.common.array_files import in_parts
from snowmelt.data.prepared.manifest import Manifest

MOST = 2000  # examples that are looked at
LARGEST_EXCESS = 0.3
FAR = 2.0  # of the largest distance of the data from its mean
FAR_UNKNOWN = 6.0  # of its standard deviation, where the data is not at hand


def edge_shares(
    samples: NDArray, data: NDArray | None, manifest: Manifest
) -> dict[str, float | None]:
    """The shares of values at the edge, of the samples and of the data.

    Of images, those of the lowest or highest level; of points, the coordinates that are
    further from the mean than twice the furthest of the data.

    Args:
        data: examples of the training as they are stored, if any are at hand.

    Shapes:
        samples: (N, *D), data: (M, *D)
    """
    if manifest.value_range is not None:
        return {
            "samples": _at_ends(samples[:MOST], manifest.value_range),
            "data": None if data is None else _at_ends(data[:MOST], manifest.value_range),
        }
    mean, std = np.array(manifest.mean), float(manifest.std or 1.0)
    far = FAR_UNKNOWN * std if data is None else FAR * float(np.abs(data - mean).max())
    share = _share(samples[:MOST], lambda part: np.abs(part - mean) > far)
    return {"samples": share, "data": None if data is None else 0.0}


def doubt(shares: dict[str, float | None], manifest: Manifest) -> str | None:
    """What to say of samples that went to the edge; None of others.

    Without the data at hand only points can be told: images may have every share.
    """
    own, usual = shares["samples"] or 0.0, shares["data"]
    if usual is None and manifest.value_range is not None:
        return None
    if own - (usual or 0.0) <= LARGEST_EXCESS:
        return None
    where = "lie far outside of the data"
    if manifest.value_range is not None:
        low, high = manifest.value_range
        where = f"are {low} or {high}, in the data {usual:.0%}"
    return (
        f"{own:.0%} of the samples' values {where}: they have left its range; look at the"
        " warnings of `snowmelt card`, train longer, or take more steps or less guidance"
    )


def _at_ends(stored: NDArray, ends: tuple[int, int]) -> float:
    return _share(stored, lambda part: np.isin(part, ends))


def _share(stored: NDArray, is_there: Callable[[NDArray], NDArray]) -> float:
    """The share of values of which something holds, looked at a part at a time."""
    return sum(int(is_there(part).sum()) for _, part in in_parts(stored)) / stored.size
