r"""Covariance matrices by their principal axes: $C = Q\,\mathrm{diag}(l)\,Q^T$.

Scaling the data by $\alpha$ and adding noise of variance $\sigma^2$ leaves the axes $Q$
alone and makes $\alpha^2 l + \sigma^2$ of the variances along them, so one decomposition
serves every time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_not_negative

_ASYMMETRY = 1e-8


def principal_axes(
    covariances: Tensor, count: int, size: int
) -> tuple[Tensor, Tensor | None]:
    """Variances along the axes, and the axes; None for those of the coordinates.

    Args:
        covariances: by its number of dimensions, one variance for all, one for each
            component, one for each component and axis, or full matrices.
        count: of components, K.
        size: of one event, D.

    Shapes:
        covariances: (), (K,), (K, D) or (K, D, D)
        -> variances (K, D), axes (K, D, D) in columns, or None

    Raises:
        ValueError: another shape, a value that is not finite, or a matrix that is not
            symmetric and positive definite.
    """
    fitting = {(), (count,), (count, size), (count, size, size)}
    if tuple(covariances.shape) not in fitting:
        raise ValueError(
            f"covariances of {count} components in {size} dimensions have one of the shapes"
            f" {sorted(fitting, key=len)}, got {tuple(covariances.shape)}"
        )
    if not covariances.isfinite().all():
        raise ValueError(f"covariances must be finite, got {covariances.tolist()}")
    if covariances.ndim < 3:
        variances = covariances.reshape(*covariances.shape, *[1] * (2 - covariances.ndim))
        if (variances <= 0).any():
            raise ValueError(f"covariances must be positive, got {covariances.tolist()}")
        return variances.expand(count, size).clone(), None
    scale = covariances.abs().amax()
    if (covariances - covariances.mT).abs().amax() > _ASYMMETRY * scale:
        raise ValueError(f"covariances must be symmetric, got {covariances.tolist()}")
    variances, axes = torch.linalg.eigh(0.5 * (covariances + covariances.mT))
    # A variance below the rounding of the largest one is not known to be positive.
    floor = size * torch.finfo(torch.float64).eps * variances[:, -1:].abs()
    if (variances <= floor).any():
        raise ValueError(
            f"covariances must be positive definite, got the variances {variances.tolist()}"
            " along their axes"
        )
    return variances, axes


def shared_covariance(c_0: Tensor, c_1: Tensor, entropy: float) -> Tensor:
    r"""The covariance of both draws in the entropic plan of two normal laws.

    $C_0^{1/2}\big(C_0^{1/2} C_1 C_0^{1/2} + \tfrac{\varepsilon^2}4 I\big)^{1/2} C_0^{-1/2}
    - \tfrac\varepsilon2 I$ for the cost of half the squared distance; with an entropy of 0
    it is that of the optimal plan.

    Shapes:
        c_0, c_1: (D, D) -> (D, D)
    """
    check_not_negative(entropy=entropy)
    eye = torch.eye(len(c_0), dtype=torch.float64)
    root, inverse = _power(c_0, 0.5), _power(c_0, -0.5)
    middle = _power(root @ c_1 @ root + 0.25 * entropy**2 * eye, 0.5)
    return root @ middle @ inverse - 0.5 * entropy * eye


def _power(matrix: Tensor, power: float) -> Tensor:
    values, axes = torch.linalg.eigh(matrix)
    return axes @ torch.diag(values**power) @ axes.T
