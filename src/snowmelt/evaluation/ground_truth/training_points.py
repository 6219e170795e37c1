r"""The denoiser that minimises the training loss on a finite set of points.

Of all functions of $x_t$ the one with the least training loss on $N$ points $x_n$ is known:

$$\hat\epsilon_N(x_t) = \frac1\sigma\Big(x_t - \alpha \sum_n r_n x_n\Big), \qquad
  r_n \propto \exp\frac{\alpha\,x_n\cdot x_t - \tfrac12\alpha^2 |x_n|^2}{\sigma^2}.$$

It is exact for the empirical distribution of the points, a `KernelDensity` of bandwidth
zero. Against the true density it errs, since it is made of $N$ draws:

- at high noise it averages over many points, and its error is the sampling error alone,
  about $\tfrac{\alpha^2}{\sigma^2}\,\mathrm{var}(x_0) / N$; no estimator from the same
  points does much better;
- at low noise the nearest point dominates and the score leads back to it: this is
  memorisation. A network must do better than this, and does because it is smooth.

References:
    Karras et al. (2022), arXiv:2206.00364, appendix B.3 (the optimal denoiser).
"""

from __future__ import annotations

import torch
from torch import Tensor

_SHARES_AT_ONCE = 2**20  # few enough to stay in the cache of a processor


class TrainingPoints:
    """The denoiser of least training loss on these points.

    The same as the `estimates` of a `KernelDensity` with a tiny bandwidth. With one noise
    level for every point the exponents are one matrix product, about ten times as fast.

    Args:
        points: (N, *D), as the model sees them.

    Raises:
        ValueError: there are no points.
    """

    def __init__(self, points: Tensor) -> None:
        if points.ndim < 2 or not points.numel():
            raise ValueError(f"points must be (N, D), got the shape {tuple(points.shape)}")
        flat = points.to(torch.float64).flatten(1)
        squares = flat.square().sum(1, keepdim=True)
        self._columns = torch.cat((flat, squares), 1).T.contiguous()
        self._values = torch.cat((flat, torch.ones_like(squares)), 1)

    def __len__(self) -> int:
        return len(self._values)

    def eps(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        r"""$\hat\epsilon_N$.

        Shapes:
            x_t: (B, *D), alpha, sigma: (B,) -> (B, *D) float64
        """
        x = x_t.to(torch.float64).flatten(1)
        alpha, sigma = alpha.reshape(-1, 1), sigma.reshape(-1, 1)
        ratio = alpha / sigma**2
        rows = torch.cat((ratio * x, -0.5 * alpha * ratio), 1)
        parts = rows.split(max(1, _SHARES_AT_ONCE // len(self)))
        means = torch.cat([self._means(part) for part in parts])
        return ((x - alpha * means) / sigma).reshape(x_t.shape)

    def _means(self, rows: Tensor) -> Tensor:
        """Weighted means over the points. Shapes: (B, D + 1) -> (B, D)"""
        weights = rows @ self._columns
        weights = weights.sub_(weights.amax(1, keepdim=True)).exp_()
        sums = weights @ self._values
        return sums[:, :-1] / sums[:, -1:]
