r"""Known densities, the ground truth for everything that is learned.

Where the density $q(x_0)$ of the data is known, so may be that of its noisy version
$x_t = \alpha x_0 + \sigma\epsilon$,

$$q_t(x) = \int q(x_0)\, N(x;\ \alpha x_0,\ \sigma^2)\, dx_0,$$

and with it the best answer that any network could give,
$\mathrm{E}[x_0 \mid x_t]$ and $\mathrm{E}[\epsilon \mid x_t] = -\sigma\nabla\log q_t(x_t)$.
A `Denoiser` around that answer has no error of its own: what a sampler or a likelihood gets
wrong with it is the fault of the sampler or the likelihood.

- `density`: the interface of a density;
- `exact`: densities whose noisy versions are known, and their exact denoiser;
- `mixture`, `gaussian`, `double_gaussian`: mixtures of normal distributions, closed under
  every process;
- `grid`: any picture, as a density, closed under every process too;
- `coupled_mixture`: laws of both ends of a path at once: flows and bridges known exactly;
- `exact_flow`: the network without error of such a law;
- `entropic_plan`: the entropic plan between discrete distributions;
- `lightsb`, `lightsb_fit`: the Schroedinger bridge between samples, by a potential;
- `bridge_paths`: paths of the Schroedinger bridge between two clouds;
- `kernel_density`: a density estimated from points;
- `reverse_kernel`, `reverse_gap`: the exact reverse step, its normal approximations and
  the divergence between them;
- `mcmc`: Markov chain Monte Carlo on any density.
"""

from snowmelt.densities.bridge_paths import brownian_bridges, drawn_ends, expected_end
from snowmelt.densities.coupled_mixture import CoupledMixture
from snowmelt.densities.density import Density
from snowmelt.densities.double_gaussian import DoubleGaussian
from snowmelt.densities.entropic_plan import entropic_plan, entropic_potentials
from snowmelt.densities.exact import ExactNet, Perturbable
from snowmelt.densities.exact_flow import ExactFlow
from snowmelt.densities.gaussian import Gaussian
from snowmelt.densities.grid import GridDensity, Picture
from snowmelt.densities.kernel_density import KernelDensity, Scott, Silverman
from snowmelt.densities.lightsb import LightSB
from snowmelt.densities.lightsb_fit import fit_lightsb
from snowmelt.densities.mixture import GaussianMixture
from snowmelt.densities.reverse_kernel import reverse_kernel

__all__ = [
    "CoupledMixture",
    "Density",
    "DoubleGaussian",
    "ExactFlow",
    "ExactNet",
    "Gaussian",
    "GaussianMixture",
    "GridDensity",
    "KernelDensity",
    "LightSB",
    "Perturbable",
    "Picture",
    "Scott",
    "Silverman",
    "brownian_bridges",
    "drawn_ends",
    "entropic_plan",
    "entropic_potentials",
    "expected_end",
    "fit_lightsb",
    "reverse_kernel",
]
