r"""Losses: one number an example, from a denoiser's answer to a perturbed example.

Every loss here is the squared error of the network's own output, averaged over the D
dimensions of an example, times a weight. What a weight means is plainest for the estimate
of the data: let $w(t)$ be the weight of $\tfrac1D\lVert\hat x_0 - x_0\rVert^2$. The
estimate is affine in the output, so an error of the output is one of the data times
$c = \partial\hat x_0/\partial\,\mathrm{output}$, and

$$L = w(t)\,c(t)^2\;\tfrac1D\,\lVert\mathrm{output} - \mathrm{target}\rVert^2.$$

A weighting is therefore written once, as $w$, and costs the same whatever the network
predicts. With the signal-to-noise ratio $s = e^\lambda$ the square of $c$ is $1/s$ for
eps, 1 for x_0 and $1/(s + 1)$ for v, from which the forms of the papers follow. `Simple` is
the exception: it weighs the output itself, whatever that is, and `Hybrid` adds to it.

Losses of two weightings are on two scales and cannot be compared.

- `loss`: the interface of a loss, the simple loss, and the weighted form above;
- `weightings`: min-SNR, soft min-SNR, P2, EDM;
- `vlb`: the variational bound, continuous and of a chain;
- `hybrid`: the simple loss with a learned variance.

References:
    Kingma & Gao (2023), arXiv:2303.00848, on weightings of one loss.
"""

from snowmelt.diffusion.losses.hybrid import Hybrid
from snowmelt.diffusion.losses.loss import Loss, Simple, Weighted
from snowmelt.diffusion.losses.vlb import VLB, DiscreteVLB
from snowmelt.diffusion.losses.weightings import EDM, P2, MinSNR, SoftMinSNR

__all__ = [
    "EDM",
    "P2",
    "VLB",
    "DiscreteVLB",
    "Hybrid",
    "Loss",
    "MinSNR",
    "Simple",
    "SoftMinSNR",
    "Weighted",
]
