r"""The denoiser of a flow that knows its score: both heads of [SF]2M.

Beside the velocity the network answers the score, by the second half of its channels, and
with it the mean $\hat z$ of the noise on the way of an interpolant. Tweedie's formula holds
for that as for the noise of diffusion:
$\nabla\log q_t(x) = -\mathrm{E}[z \mid x_t = x]/\gamma$. With the velocity b and a score,
every member of the family

$$dx = \Big(b - \tfrac12\eta^2 g^2\,\nabla\log q_t\Big)\,dt + \eta\,g\,d\bar W$$

has the marginals $q_t$, backwards in time from the start to the data, for any $g(t)$. Here
it is $g^2 = -\tfrac12\gamma^2\lambda'$: in a rectified flow with a Brownian bridge of
noise s that is $s^2\,du/dt$ on the clock $u = \sigma$, and between pairs of the entropic
plan of $\varepsilon = s^2$ the member of $\eta = 1$ is the Schroedinger bridge.

**What the network answers** is $a = -s\,\nabla\log q_t$ in the unit s of the noise, so
that $\hat z = (\gamma/s)\,a$. The loss is that of $\hat z$, which weighs the times. An
answer $\hat z$ would have to vanish like $\gamma$ at both ends, and what a network is off
there, divided by $\gamma$, is a pull without bounds; a is as smooth in time as the score.

References:
    Tong et al. (2024), arXiv:2307.03672, eqs. 8 to 10 (their network answers half of
    $s^2$ times the score); Albergo, Boffi & Vanden-Eijnden (2023), arXiv:2303.08797,
    corollary 18.
"""

from __future__ import annotations

from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process, expand


class BridgeDenoiser(Denoiser):
    """Estimates of the two ends of a path, and of the noise between them.

    Args:
        net: answers with twice the channels: the prediction, and minus the score times
            the unit s of the interpolant's noise.
        process, prediction: see `Denoiser`.
        interpolant: what noise there is on the way; not `Straight`.

    Raises:
        ValueError: there is none.
    """

    def __init__(
        self,
        net: nn.Module,
        process: Process,
        prediction: Prediction,
        interpolant: Interpolant,
    ) -> None:
        if interpolant.is_straight:
            raise ValueError(
                "a flow without noise on the way has no score to answer: use"
                " interpolant=brownian_bridge or interpolant=constant"
            )
        super().__init__(net, process, prediction, learned_variance=True)
        self.interpolant = interpolant
        self.has_score = False  # that of diffusion, which is another

    def around(self, net: nn.Module) -> BridgeDenoiser:
        other = BridgeDenoiser(net, self.process, self.prediction, self.interpolant)
        return other.with_flow_of(self)

    def with_variance(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Raises: ValueError: always, as no bridge learns a variance."""
        raise ValueError("the second answer of a bridge is its score, and no variance")

    def both_answers(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The network's own answer, and the estimate of the noise on the way.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D), (B, *D)
        """
        output, answer = self._answer(x_t, t)
        assert answer is not None
        return output, expand(self.gamma(t) / self.interpolant.std, answer) * answer

    def bridge(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The estimates of the effective ends and of the noise on the way.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> x_0_hat, x_1_hat, z_hat: (B, *D) each
        """
        output, z_hat = self.both_answers(x_t, t)
        return *self.estimates_from(output, x_t, t), z_hat

    def data(self, x_0_hat: Tensor, z_hat: Tensor, t: Tensor) -> Tensor:
        r"""The mean of the data, $\hat x_0^* - \tfrac\gamma\alpha(1 - \rho)\,\hat z$.

        Shapes:
            x_0_hat, z_hat: (B, *D), t: () -> (B, *D)
        """
        process, interpolant = self.process, self.interpolant
        share = interpolant.share(process, t)
        blurred = interpolant.gamma(process, t) * (1.0 - share) / process.alpha(t)
        return x_0_hat - expand(blurred, x_0_hat) * z_hat

    def gamma(self, t: Tensor) -> Tensor:
        """The scale of the noise on the way. Shapes: t: (*) -> (*)"""
        return self.interpolant.gamma(self.process, t)

    def diffusion_sq(self, t: Tensor) -> Tensor:
        r"""$g(t)^2 = -\tfrac12\gamma^2\lambda'$. Shapes: t: (*) -> (*)"""
        return -0.5 * self.gamma(t) ** 2 * self.process.log_snr_slope(t)

    def score(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the score. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        answer = self._answer(x_t, t)[1]
        assert answer is not None
        return -answer / self.interpolant.std


def bridge_losses(
    denoiser: BridgeDenoiser, x_0: Tensor, x_1: Tensor, z: Tensor, t: Tensor
) -> Tensor:
    """The squared errors of both answers, averaged over dimensions and added.

    Args:
        x_0, x_1: the effective ends of the paths.
        z: the noise on the way.

    Shapes:
        x_0, x_1, z: (B, *D), t: (B,) -> (B,)

    References:
        Tong et al. (2024), arXiv:2307.03672, eq. 10. Their weight turns the error of the
        score into that of the noise.
    """
    x_t = denoiser.process.perturb(x_0, t, x_1)
    output, z_hat = denoiser.both_answers(x_t, t)
    of_flow = (output - denoiser.target(x_0, x_1, t)).square()
    return (of_flow + (z_hat - z).square()).flatten(1).mean(1)
