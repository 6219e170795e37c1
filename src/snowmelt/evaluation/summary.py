"""The few numbers that tables of experiments have room for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snowmelt.evaluation.catalogue import ranking

# Of those that were measured the first.
_BITS = ("bound_bits_per_dim", "ode_bits_per_dim")


def summary(measured: Mapping[str, Any]) -> dict[str, float]:
    """The metric that ranks jobs with its floor, and bits/dim.

    DVC shows them before what an experiment changes; more would leave no room for that in
    120 columns.

    Args:
        measured: the content of metrics.json.
    """
    main = ranking(measured)
    keys = [] if main is None else [main.key, main.floor_key]
    keys += [key for key in _BITS if key in measured][:1]
    return {key: measured[key] for key in keys if key in measured}
