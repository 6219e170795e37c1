"""How fast normal steps back become right: fitted orders, and the table for the docs.

`python -m tests.densities.reverse_kernel > docs/tables/reverse_kernel.md` writes the table.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import torch
from tests.sampling.samplers.orders import slope

from snowmelt.densities import DoubleGaussian
from snowmelt.densities.reverse_gap import Gap, path_divergence, reverse_gap
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Geometric

DATA = DoubleGaussian(size=1)
# The same levels as any other process that preserves the variance, far beyond both ends.
LEVELS_ONLY = VariancePreserving(Geometric(sigma_min=1e-7, sigma_max=1e4))
LEVELS = (-4, -2, 0, 2, 4)
LENGTHS = tuple(2.0**power for power in range(3, -7, -1))
# The orders are those of short steps: the last of the lengths.
FITTED = 3
PATH = VariancePreserving(Geometric())
STEPS = (1, 4, 16, 64, 256, 1024)
# Name: share of the way between the two variances, orders of divergence and variation in
# the length of a step, order of a whole path in the number of its steps.
KINDS: dict[str, tuple[float | None, float, float, float]] = {
    "closest normal": (None, 3.0, 1.5, -2.0),
    "DDPM, small variance": (0.0, 2.0, 1.0, -1.0),
    "DDPM, large variance": (1.0, 2.0, 1.0, -1.0),
}


@functools.cache
def gap(level: float, length: float, share: float | None) -> Gap:
    """Of a step from a log-SNR to one that is larger by `length`."""
    log_snr = torch.tensor([level, level + length], dtype=torch.float64)
    t, s = LEVELS_ONLY.time(log_snr)
    return reverse_gap(DATA, LEVELS_ONLY, t, s, share)


def gaps(level: float, share: float | None, lengths: tuple[float, ...]) -> list[Gap]:
    return [gap(level, length, share) for length in lengths]


def fitted(level: float, share: float | None) -> tuple[float, float]:
    """The orders of divergence and variation in the length of a step."""
    lengths = LENGTHS[-FITTED:]
    found = gaps(level, share, lengths)
    divergences, variations = zip(
        *((g.divergence, g.variation) for g in found), strict=True
    )
    return slope(lengths, list(divergences)), slope(lengths, list(variations))


def rows(is_divergence: bool) -> list[str]:
    """One for each level and kind: the gap at each length, and the order."""
    names = " | ".join(str(Fraction(length)) for length in LENGTHS)
    lines = [
        f"| log-SNR at t | step | {names} | order | theory |",
        "|" + "---|" * (4 + len(LENGTHS)),
    ]
    for level in LEVELS:
        for name, (share, *theory) in KINDS.items():
            cells = [
                f"{found.divergence if is_divergence else found.variation:.1e}"
                for found in gaps(level, share, LENGTHS)
            ]
            order = fitted(level, share)[0 if is_divergence else 1]
            expected = theory[0 if is_divergence else 1]
            lines.append(
                f"| {level} | {name} | {' | '.join(cells)} | {order:.2f} | {expected:g} |"
            )
    return lines


def path_rows() -> list[str]:
    """One for each kind: the divergence of the whole path for each number of steps."""
    lines = [
        f"| step | {' | '.join(f'T = {steps}' for steps in STEPS)} | order | theory |",
        "|" + "---|" * (3 + len(STEPS)),
    ]
    for name, (share, _, _, theory) in KINDS.items():
        found = [path_divergence(DATA, PATH, steps, share) for steps in STEPS]
        order = slope(STEPS[-2:], found[-2:])
        cells = " | ".join(f"{value:.2g}" for value in found)
        lines.append(f"| {name} | {cells} | {order:.2f} | {theory:g} |")
    return lines


def table() -> str:
    """Markdown: divergence and variation of a step, and the divergence of a path."""
    short = str(Fraction(LENGTHS[-FITTED]))
    ends = PATH.log_snr(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
    lines = [
        "The exact step back from the double Gaussian on a line against three normal ones"
        " of the same mean,",
        "in the mean over the states it starts from, by quadrature in float64, variance"
        " preserving.",
        "The columns are lengths of the step in log-SNR; orders are fitted over those from"
        f" {short} down.",
        "",
        "Divergence of the normal step from the exact one, in nats:",
        "",
        *rows(is_divergence=True),
        "",
        "Total variation, 0 to 1:",
        "",
        *rows(is_divergence=False),
        "",
        "Sum of the divergences over a path of T steps, equal in log-SNR from"
        f" {ends[1]:.1f} to {ends[0]:.1f}, in nats; the order is that from {STEPS[-2]} to"
        f" {STEPS[-1]} steps:",
        "",
        *path_rows(),
        "",
        "In one step the exact kernel is the density of the data, with both its modes: no"
        " normal step comes",
        "nearer than the first number. What would have to be learned then is a distribution"
        " for each state,",
        "where for short steps it is one number, its mean.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
