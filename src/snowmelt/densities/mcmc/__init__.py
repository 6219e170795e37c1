r"""Markov chain Monte Carlo: points from a density that can only be asked, not drawn from.

A chain proposes a move and takes it or stays, so that in the long run it is in each place
as often as the density says. What that needs is *detailed balance*, for all pairs of places

$$q(x)\,P(x \to x') = q(x')\,P(x' \to x),$$

and Metropolis' rule makes it of any proposal $g$: accept with the probability
$\min\big(1, \tfrac{q(x')\,g(x' \to x)}{q(x)\,g(x \to x')}\big)$. The density enters by its
ratios alone, so it need not be normalised.

Correct in the long run is not correct soon. Between two modes lie places of low density; a
chain that moves by small steps crosses them as rarely as they are unlikely, and nothing in
the chain itself tells that it has not crossed yet. Several chains from places far apart do
tell: see `snowmelt.densities.mcmc.diagnostics`.

- `chains`: a kernel, and the loop that runs many chains of it at once;
- `metropolis`: random-walk Metropolis-Hastings;
- `langevin`: a walk along the score, with acceptance (MALA) and without (ULA);
- `hamiltonian`: long moves at constant energy.

References:
    Metropolis et al. (1953), "Equation of state calculations by fast computing machines";
    Hastings (1970), "Monte Carlo sampling methods using Markov chains".
"""

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
