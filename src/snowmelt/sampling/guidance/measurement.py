r"""Guidance by a linear measurement $y = A x_0 + \tau n$ with standard normal $n$.

By Bayes' rule the score of $x_t$ given $y$ is the free score plus
$\nabla_{x_t}\log p(y \mid x_t)$. The density of $x_0$ given $x_t$ is taken for a normal one
around the network's estimate, with the variance that data of the isotropic scale $c$ would
have,

$$r_t^2 = \frac{c^2\sigma_t^2}{c^2\alpha_t^2 + \sigma_t^2},$$

so $y$ given $x_t$ is normal, and by Tweedie's formula the estimate of the data becomes

$$\hat x_0 + \frac{\sigma_t^2}{\alpha_t}\,\frac{\partial\hat x_0}{\partial x_t}^{\!\top}
  A^\top\,(r_t^2 A A^\top + \tau^2)^{-1}\,(y - A\hat x_0).$$

For isotropic Gaussian data of that scale every estimate is exact, and samples are drawn
from the density of $x_0$ given $y$.

Song et al. weigh the last term in another way, made for their step of DDIM (algorithm 1);
here it is the score that the assumption implies, whatever the sampler.

References:
    Song, Vahdat, Mardani & Kautz (2023), "Pseudoinverse-guided diffusion models for inverse
    problems", ICLR.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.bounds import NotNegative, Positive
from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.operators import LinearOperator
from snowmelt.diffusion.processes import expand
from snowmelt.sampling.guidance.guidance import (
    Conditioning,
    Draw,
    Guidance,
    refuse_whole_path,
)
from snowmelt.sampling.samplers.sampler import Sampler


class PseudoinverseGuided(Denoiser):
    """A denoiser whose estimates know of a measurement.

    Each answer costs one call of the network and one pass backwards through it.

    Args:
        denoiser: the one that does not.
        operator: the measurement, for the examples of the batches to come.
        y: what was measured.
        noise_std: the scale of the measurement's noise; 0 for none.
        data_std: the scale c of the data, in the model's range.

    Shapes:
        y: (B, *M)

    Raises:
        ValueError: asked about a batch of another size than the measurements'.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        operator: LinearOperator,
        y: Tensor,
        noise_std: NotNegative = 0.0,
        data_std: Positive = 1.0,
    ) -> None:
        super().__init__(
            denoiser.net,
            denoiser.process,
            denoiser.prediction,
            denoiser.learned_variance,
            denoiser.self_conditioned,
        )
        self.inner = denoiser
        self.operator, self.y = operator, y
        self.noise_std, self.data_std = noise_std, data_std

    def _answer(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor | None]:
        inner = self.inner.with_estimates(self.estimate_source)
        inner = inner if self.labels is None else inner.with_labels(self.labels)
        if len(x_t) != len(self.y):
            raise ValueError(
                f"measurements of {len(self.y)} examples do not fit a batch of {len(x_t)}"
            )
        alpha, sigma = self.scales(x_t, t)
        spread = (self.data_std * sigma) ** 2 / ((self.data_std * alpha) ** 2 + sigma**2)
        # The sampling loop records no gradients; this one is wanted all the same.
        with torch.enable_grad():
            x = x_t.detach().requires_grad_()
            output, share = inner._answer(x, t)
            x_0_hat = inner.estimates_from(output, x, t)[0]
            residual = self.y - self.operator(x_0_hat.detach())
            solved = self.operator.solve(residual, spread, self.noise_std**2)
            pull = self.operator.transpose(solved)
            (pulled,) = torch.autograd.grad(x_0_hat, x, pull)
        # Without any signal the estimate no longer depends on the state, and the product
        # of the two is what it tends to: the variance of the data.
        has_signal = alpha > 0
        weight = sigma**2 / torch.where(has_signal, alpha, 1.0)
        shift = torch.where(has_signal, weight * pulled, spread * pull)
        guided = output.detach() + shift / expand(self.x_0_slope(t), x_t)
        return guided, None if share is None else share.detach()


class Measurement(Guidance):
    """Held-out examples, measured, and drawn again from what was measured.

    Args:
        operator: the measurement.
        noise_std: the scale of its noise, in the model's range.
        data_std: the scale of the data, in the model's range; about 0.5 for photographs.

    Raises:
        ValueError: a negative noise, or a scale of the data that is not positive.
    """

    needs_examples = True

    def __init__(
        self,
        operator: LinearOperator,
        noise_std: NotNegative = 0.0,
        data_std: Positive = 1.0,
    ) -> None:
        if not noise_std >= 0.0:
            raise ValueError(f"noise_std must not be negative, got {noise_std}")
        if not data_std > 0.0:
            raise ValueError(f"data_std must be positive, got {data_std}")
        self.operator, self.noise_std, self.data_std = operator, noise_std, data_std

    @property
    def measures_by(self) -> LinearOperator:
        return self.operator

    def check(self, conditioning: Conditioning, sampler: Sampler) -> None:
        super().check(conditioning, sampler)
        self.operator.check(conditioning.shape)

    def check_sampler(self, sampler: Sampler) -> None:
        refuse_whole_path(sampler)

    def measured(
        self, index: Tensor, conditioning: Conditioning, *, seed: int
    ) -> tuple[LinearOperator, Tensor]:
        """The operator for these samples, and what it measured.

        Shapes:
            index: (B,) -> y (B, *M)
        """
        operator = self.operator.at(index, conditioning.shape, seed=seed)
        y = operator(conditioning.real(index))
        # Step 0 of the stream is the mask's.
        noise = normal(
            tuple(y.shape[1:]), seed=seed, stream=Stream.MEASUREMENT, index=index, step=1
        )
        return operator, y + self.noise_std * operator.confined(noise)

    def seen(self, index: Tensor, conditioning: Conditioning, *, seed: int) -> Tensor:
        operator, y = self.measured(index, conditioning, seed=seed)
        return operator.shown(y)

    def draw(self, asked: Draw) -> Tensor:
        operator, y = self.measured(asked.index, asked.conditioning, seed=asked.seed)
        guided = PseudoinverseGuided(
            asked.denoiser, operator, y, self.noise_std, self.data_std
        )
        return asked.sample(guided)
