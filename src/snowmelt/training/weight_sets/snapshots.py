"""Snapshots of averages of power-function profile, and the averages made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from snowmelt.training.weight_sets.power_average import combination

Snapshot = dict[str, Any]  # sigma_rel, place, and the weights by name


def posthoc(snapshots: Sequence[Snapshot], sigma_rel: float) -> dict[str, Tensor]:
    """The weights averaged with another length up to the last snapshot, nearly.

    Args:
        snapshots: of one training; there is at least one.
        sigma_rel: the length.
    """
    last = max(snapshots, key=lambda one: one["place"])
    kept = [(one["sigma_rel"], one["place"]) for one in snapshots]
    shares = combination(kept, (sigma_rel, last["place"])).tolist()
    return {
        name: _sum(shares, [one["weights"][name] for one in snapshots])
        if value.is_floating_point()
        else value
        for name, value in _weights(last).items()
    }


def _weights(snapshot: Snapshot) -> Mapping[str, Tensor]:
    weights: Mapping[str, Tensor] = snapshot["weights"]
    return weights


def _sum(shares: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    """In float64: shares of both signs nearly cancel."""
    total = torch.zeros(values[0].shape, dtype=torch.float64)
    for share, value in zip(shares, values, strict=True):
        total.add_(value.to(torch.float64), alpha=share)
    return total.to(values[0].dtype)
