r"""Paths of the Schroedinger bridge between two clouds of points, drawn or stepped.

The bridge of noise s between two clouds $\{x_i\}$ of starts and $\{y_j\}$ of data is known
as soon as the entropic plan of $\varepsilon = s^2$ is. Given both of its ends it is a
Brownian motion that is held there (Leonard 2014), so a path is drawn by its end first,
`drawn_ends`, and then from time to time, `brownian_bridges`: at the share u of the way that
is left,

$$x_{u'} \mid x_u, y \sim N\Big(y + \frac{u'}{u}(x_u - y),\
    s^2\,\frac{u'(u - u')}{u}\,I\Big), \qquad u' < u.$$

A sampler does not know the end. What it follows is the drift towards the mean of the ends
that are possible from where it stands, which only needs the potential of the data,

$$\frac{\mathrm{E}[y \mid x_u = x] - x}{u}, \qquad
  \mathrm{P}(y_j \mid x_u = x) \propto b_j\,e^{g_j/\varepsilon}\,
  e^{-\lVert x - y_j\rVert^2 / 2\varepsilon u},$$

by `expected_end`: the factors of the plan on the side of the start are the same for all
ends.

References:
    Leonard (2014), arXiv:1308.0215, proposition 2.3; Korotin, Gushchin & Burnaev (2024),
    arXiv:2310.01174, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_not_negative, check_positive


def drawn_ends(plan: Tensor, drawn: Tensor) -> Tensor:
    """The place of an end for each start, by a uniform number each.

    The same numbers give ends that move little with the plan, so that the paths of several
    plans can be compared.

    Shapes:
        plan: (N, M), drawn: (N,) in (0, 1) -> (N,) int64

    Raises:
        ValueError: not one number for each row of the plan.
    """
    if plan.ndim != 2 or drawn.shape != plan.shape[:1]:
        raise ValueError(
            "one number for each row of the plan is needed, got the shapes"
            f" {tuple(plan.shape)} and {tuple(drawn.shape)}"
        )
    whole = plan.cumsum(1)
    wanted = drawn.to(plan.dtype)[:, None] * whole[:, -1:]
    return torch.searchsorted(whole, wanted).squeeze(1).clamp(max=plan.shape[1] - 1)


def brownian_bridges(
    starts: Tensor, ends: Tensor, shares: Tensor, std: float, noise: Tensor
) -> Tensor:
    """A path for each pair of a start and an end.

    Args:
        shares: of the way that are left, falling from 1 to 0.
        std: s, the noise of the Brownian motion; 0 gives straight lines.
        noise: standard normal, a draw for each share between the first and the last.

    Shapes:
        starts, ends: (N, *D), shares: (K,), noise: (K - 2, N, *D) -> (K, N, *D) float64

    Raises:
        ValueError: a negative `std`, shares that do not fall from 1 to 0, or other shapes.
    """
    check_not_negative(std=std)
    left = shares.to(torch.float64)
    falls = left.ndim == 1 and len(left) > 1 and bool((left.diff() < 0).all())
    if not falls or left[0] != 1 or left[-1] != 0:
        raise ValueError(f"shares must fall from 1 to 0, got {left.tolist()}")
    if starts.shape != ends.shape or noise.shape != (len(left) - 2, *starts.shape):
        shapes = ", ".join(str(tuple(part.shape)) for part in (starts, ends, noise))
        raise ValueError(
            f"starts and ends of one shape and {len(left) - 2} draws of noise for them are"
            f" needed, got the shapes {shapes}"
        )
    x, y, noise = (part.to(torch.float64) for part in (starts, ends, noise))
    states = [x]
    for before, after, z in zip(left[:-2], left[1:-1], noise, strict=True):
        spread = std * (after * (before - after) / before).sqrt()
        states.append(y + after / before * (states[-1] - y) + spread * z)
    return torch.stack([*states, y])


def expected_end(
    x: Tensor, ends: Tensor, log_weights: Tensor, entropy: float, share: Tensor
) -> Tensor:
    r"""$\mathrm{E}[y \mid x_u = x]$ of the bridge.

    Args:
        x: where the paths are.
        ends: the cloud of the data.
        log_weights: $\log b_j + g_j/\varepsilon$; see `entropic_potentials`.
        entropy: $\varepsilon$.
        share: u, of the way that is left.

    Shapes:
        x: (N, D), ends: (M, D), log_weights: (M,), share: () -> (N, D) float64

    Raises:
        ValueError: `entropy` or `share` is not positive.
    """
    check_positive(entropy=entropy, share=float(share))
    x, y = x.to(torch.float64), ends.to(torch.float64)
    squared = torch.cdist(x, y).square()
    chances = (log_weights - squared / (2.0 * entropy * share)).softmax(1)
    return chances @ y
