"""What the report shows of memorisation: distances, and the pairs that are nearest.

nearest.npz holds for each space, `features` and `pixels` (of points `features` alone),

- `<space>_samples` and `<space>_held_out`: every distance to the nearest training example,
  float32 (N,) and (n,);
- for images, of the samples that are nearest, the nearest first: `<space>_worst` and
  `<space>_worst_train`, uint8 (K, C, H, W), `<space>_worst_rows`, int64 (K, 2), which
  sample and which training example, `<space>_worst_distances`, float64 (K,);
- the same of held-out examples, with `held_out_worst` in place of `worst`: what real data
  looks like at its nearest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snowmelt.common.array_files import write_arrays
from snowmelt.evaluation.conditioned_reference import Rows, gathered_rows
from snowmelt.evaluation.metrics.nearest_examples import Nearest
from snowmelt.evaluation.metrics.neighbourhood import Pair
from snowmelt.evaluation.metrics.sample_metrics import Context

FILE = "nearest.npz"
WORST = 12
Arrays = dict[str, np.ndarray]


def save(context: Context, folder: Path) -> None:
    """Write nearest.npz; nothing of completions, or without the real examples at hand."""
    if context.real is None or context.drawn.is_completed:
        return
    neighbourhood = context.neighbourhood
    found = _of_space("features", neighbourhood.features, context)
    if neighbourhood.has_pixels:
        found |= _of_space("pixels", neighbourhood.pixels, context)
    write_arrays(folder / FILE, found)


def _of_space(name: str, pair: Pair, context: Context) -> Arrays:
    found: Arrays = {
        f"{name}_samples": pair.samples.distance.astype(np.float32),
        f"{name}_held_out": pair.held_out.distance.astype(np.float32),
    }
    real, whole = context.real, context.everything
    if context.is_points or real is None or whole is None:
        return found
    found |= _worst(f"{name}_worst", pair.samples, context.samples, whole.train)
    return found | _worst(
        f"{name}_held_out_worst", pair.held_out, real.held_out, whole.train
    )


def _worst(name: str, nearest: Nearest, rows: Rows, train: Rows) -> Arrays:
    """The nearest pairs, by distance and then by place."""
    order = np.argsort(nearest.distance, kind="stable")[:WORST]
    return {
        name: gathered_rows(rows, order),
        f"{name}_train": gathered_rows(train, nearest.row[order]),
        f"{name}_rows": np.stack([order, nearest.row[order]], axis=1),
        f"{name}_distances": nearest.distance[order],
    }
