r"""Markov chain Monte Carlo: draws from a density that can only be evaluated pointwise.

A chain proposes a move and either accepts it or stays, such that its states have the
density as their stationary distribution. *Detailed balance* for all pairs of states
suffices for that,

$$q(x)\,P(x \to x') = q(x')\,P(x' \to x),$$

and the Metropolis-Hastings rule gives it to any proposal $g$: accept with the probability
$\min\big(1, \tfrac{q(x')\,g(x' \to x)}{q(x)\,g(x \to x')}\big)$. The density enters by its
ratios alone, so it need not be normalised.

The stationary distribution may be reached late. Two modes are separated by a region of low
density; a chain of small steps crosses it as rarely as it is improbable, and a single chain
cannot show that it has not crossed yet. Several chains with distant starts can: see
`diagnose`.

- `chains`: the interface of a kernel, and the loop that runs many chains at once;
- `metropolis`: random-walk Metropolis-Hastings;
- `langevin`: Langevin steps along the score, with acceptance (MALA) and without (ULA);
- `hamiltonian`: Hamiltonian Monte Carlo.

References:
    Metropolis et al. (1953), "Equation of state calculations by fast computing machines";
    Hastings (1970), "Monte Carlo sampling methods using Markov chains".
"""

from __future__ import annotations

from typing import Any

from snowmelt.densities.mcmc.chains import Chains, Kernel, Proposal, run
from snowmelt.densities.mcmc.hamiltonian import Hamiltonian, leapfrog
from snowmelt.densities.mcmc.langevin import MALA, Langevin
from snowmelt.densities.mcmc.metropolis import RandomWalk

__all__ = [
    "MALA",
    "Chains",
    "Hamiltonian",
    "Kernel",
    "Langevin",
    "Proposal",
    "RandomWalk",
    "leapfrog",
    "run",
]


def __getattr__(name: str) -> Any:
    """`diagnose`, which needs ArviZ and NumPy; the chains need torch alone."""
    if name != "diagnose":
        raise AttributeError(f"snowmelt.densities.mcmc has no {name}")
    from snowmelt.densities.mcmc.diagnostics import diagnose

    return diagnose


def __dir__() -> list[str]:
    return sorted([*__all__, "diagnose"])
