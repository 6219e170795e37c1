"""Sums over the cells of a grid of terms that are products over its axes.

Such a sum is taken axis by axis, one small matrix product for a plane. Where every product
is too small for floating point, far from all cells, the same sum is taken again by
logarithms, cell by cell: slower, and it never underflows.
"""

from __future__ import annotations

import torch
from torch import Tensor

# A sum of products above this has lost nothing to underflow, which begins at 1e-308.
_SAFE = 1e-200
_CELLS_AT_ONCE = 2**22


def log_sum_and_fractions(
    weights: Tensor, logs: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    r"""The logarithm of the sum, and the fraction of it in each cell along each axis.

    With the logarithms $l_d$ of the factors the term of cell $k$ is
    $w_k \exp\sum_d l_d[k_d]$.

    Shapes:
        weights: (N_1, ..., N_D), logs: D of (B, N_d)
        -> (B,), D of (B, N_d) of sum 1
    """
    weights = weights.to(logs[0].device)
    tops = [log.amax(1, keepdim=True).detach() for log in logs]
    parts = [torch.exp(log - top) for log, top in zip(logs, tops, strict=True)]
    shares = [_by_products(weights, parts, axis) for axis in range(weights.ndim)]
    total = shares[0].sum(1)
    is_lost = total < _SAFE
    safe = total.masked_fill(is_lost, 1.0)
    log_sum = torch.log(safe) + torch.cat(tops, 1).sum(1)
    shares = [share / safe[:, None] for share in shares]
    if is_lost.any():
        found, others = _by_logarithms(weights, [log[is_lost] for log in logs])
        log_sum = log_sum.index_put((is_lost,), found)
        pairs = zip(shares, others, strict=True)
        shares = [share.index_put((is_lost,), other) for share, other in pairs]
    return log_sum, shares


def _by_products(weights: Tensor, parts: list[Tensor], axis: int) -> Tensor:
    """The sum over all axes but one, which comes last. Shapes: -> (B, N_axis)"""
    others = parts[:axis] + parts[axis + 1 :]
    table = weights.movedim(axis, 0)
    if others:
        # A matrix product: the cells are never held for each row of the batch.
        table = torch.tensordot(others.pop(), table, dims=([1], [-1]))
    while others:
        table = torch.einsum("zk,z...k->z...", others.pop(), table)
    return parts[axis] * table


def _by_logarithms(weights: Tensor, logs: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    axes = range(weights.ndim)
    rows = max(1, _CELLS_AT_ONCE // weights.numel())
    found: list[list[Tensor]] = []
    for some in zip(*(log.split(rows) for log in logs), strict=True):
        joint = torch.log(weights)[None]
        for axis in axes:
            shape = [1] * weights.ndim
            shape[axis] = -1
            joint = joint + some[axis].reshape(len(some[axis]), *shape)
        cells = joint.flatten(1).softmax(1).reshape(joint.shape)
        each = [cells.movedim(axis + 1, 1) for axis in axes]
        sums = [cell.reshape(*cell.shape[:2], -1).sum(2) for cell in each]
        found.append([joint.flatten(1).logsumexp(1), *sums])
    log_sum, *shares = (torch.cat(part) for part in zip(*found, strict=True))
    return log_sum, shares
