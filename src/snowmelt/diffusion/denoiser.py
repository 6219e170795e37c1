r"""The denoiser: a network, a process and a prediction in one object.

The network works in unit coordinates: the state of any process divided by
$\rho = \sqrt{\alpha^2 + \sigma^2}$ is the state of a variance-preserving one at the same
log-SNR. From the network's one answer follow estimates of the data, the noise, the velocity
and the score, the last by Tweedie's formula:
$\nabla\log q(x_t) = -\mathrm{E}[\epsilon \mid x_t] / \sigma_t$.

References:
    Efron (2011), "Tweedie's formula and selection bias"; Vincent (2011), "A connection
    between score matching and denoising autoencoders".
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process, expand
from snowmelt.diffusion.self_conditioning import ESTIMATE_LIMIT, EstimateSource, Last

LOG_SNR_LIMIT = 30.0
NULL_CLASS = -1  # the label of the unconditional answer
StartSource = Callable[[Tensor, int], Tensor]


class Denoiser(nn.Module):
    """Estimates of data, noise, velocity and score from one call of the network.

    Args:
        net: called as `net(x, log_snr)` with x: (B, *D) of about unit variance and
            log_snr: (B,), and as `net(x, log_snr, labels)` with classes; answers
            in the shape of x, or with twice the channels for a learned variance. If it is
            self-conditioned, x has twice the channels too.
        process: the perturbation that made `x_t`.
        prediction: what the network was trained to answer.
        learned_variance: whether the second half of the answer's channels is the share
            between the smallest and the largest variance of a reverse step.
        self_conditioned: whether the network sees an estimate of the data behind the state;
            see `snowmelt.diffusion.self_conditioning`.

    Attributes:
        start: draws where the way to the data begins, for indices and a seed; None for
            normal noise.
        has_score: whether the answer is one of diffusion, so that there is a score. What
            stands for the noise in another flow is the mean of its starts: see
            `snowmelt.diffusion.interpolants`.
    """

    def __init__(
        self,
        net: nn.Module,
        process: Process,
        prediction: Prediction,
        learned_variance: bool = False,
        self_conditioned: bool = False,
    ) -> None:
        super().__init__()
        self.net = net
        self.process = process
        self.prediction = prediction
        self.learned_variance = learned_variance
        self.self_conditioned = self_conditioned
        self.labels: Tensor | None = None
        self.estimate_source: EstimateSource | None = None
        self.start: StartSource | None = None
        self.has_score = True
        schedule = process.schedule
        # A learned schedule is trained with the network: its parameters are this module's.
        self.schedule = schedule if isinstance(schedule, nn.Module) else None

    def with_labels(self, labels: Tensor | None) -> Self:
        """The denoiser conditional on the class of each example; the weights are shared.

        Shapes:
            labels: (B,) int64, `NULL_CLASS` for the unconditional answer
        """
        conditional = copy.copy(self)
        conditional.labels = labels
        return conditional

    def around(self, net: nn.Module) -> Denoiser:
        """The same denoiser around another network."""
        other = Denoiser(
            net,
            self.process,
            self.prediction,
            self.learned_variance,
            self.self_conditioned,
        )
        return other.with_flow_of(self)

    def with_flow_of(self, other: Denoiser) -> Self:
        """This denoiser, made to begin where another one does."""
        self.start, self.has_score = other.start, other.has_score
        return self

    def with_estimates(self, source: EstimateSource | None) -> Self:
        """The denoiser whose network sees the estimates of a source; None: zeros."""
        conditional = copy.copy(self)
        conditional.estimate_source = source
        return conditional

    def on_a_trajectory(self) -> Self:
        """The denoiser for one batch on its way: it sees its estimate from before.

        Its answers depend on those before, so each trajectory needs one of its own.
        """
        return self.with_estimates(Last()) if self.self_conditioned else self

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The network's own answer, in the terms of its prediction.

        The network is shown a scaled `x_t` and the log-SNR, never the time, so one trained
        network fits every schedule that covers its noise levels.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D)

        Raises:
            ValueError: the times do not fit the batch, or the network's answer does not.
        """
        return self._remembered(x_t, t)[0]

    def with_variance(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        r"""The answer, and the share of the logarithm of the reverse step's variance.

        At a share of 0 the variance is that of the posterior, the smallest that is
        possible; at 1 it is that of the forward step, the largest.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D), (B, *D)

        Raises:
            ValueError: the network has no learned variance.

        References:
            Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 15.
        """
        output, share = self._remembered(x_t, t)
        if share is None:
            raise ValueError("this network has no learned variance")
        return output, 0.5 * (share + 1.0)

    def _remembered(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor | None]:
        """The answer, of which the source of estimates hears."""
        output, share = self._answer(x_t, t)
        if self.estimate_source is not None:
            self.estimate_source.made(lambda: self.estimates_from(output, x_t, t)[0])
        return output, share

    def _answer(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor | None]:
        t = t.expand(len(x_t)) if t.ndim == 0 else t
        x, alpha, sigma = self._unit(x_t, t)
        # Where no signal is left the log-SNR is minus infinity, which no layer can take.
        log_snr = self.process.log_snr(t).clamp(-LOG_SNR_LIMIT, LOG_SNR_LIMIT)
        labels = () if self.labels is None else (self.labels,)
        x = self.prediction.input_scale(alpha, sigma) * x
        if self.self_conditioned:
            x = torch.cat((x, self._seen_estimate(x_t, t)), dim=1)
        output = self.net(x, log_snr.to(x_t.dtype), *labels)
        # Under autocast the network answers in half precision; what follows must not.
        output = output.to(x_t.dtype)
        shape = list(x_t.shape)
        if self.learned_variance:
            shape[1] *= 2
        if list(output.shape) != shape:
            raise ValueError(
                f"the network answered in the shape {tuple(output.shape)} to a state of"
                f" {tuple(x_t.shape)}, which asks for {tuple(shape)}"
            )
        if not self.learned_variance:
            return output, None
        answer, share = output.chunk(2, dim=1)
        return answer, share

    def _seen_estimate(self, x_t: Tensor, t: Tensor) -> Tensor:
        """What the network is shown behind the state. Shapes: (B, *D), (B,) -> (B, *D)"""
        source, labels = self.estimate_source, self.labels

        def first(rows: Tensor) -> Tensor:
            own = self.with_labels(None if labels is None else labels[rows])
            return own.with_estimates(None).x_0(x_t[rows], t[rows])

        found = None if source is None else source.seen(first)
        if found is None:
            return torch.zeros_like(x_t)
        return found.clamp(-ESTIMATE_LIMIT, ESTIMATE_LIMIT).to(x_t.dtype)

    def _unit(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """State and scales, divided by the length of the scales."""
        alpha, sigma = self.process.alpha(t), self.process.sigma(t)
        scale = torch.rsqrt(alpha**2 + sigma**2)
        unit = expand(alpha * scale, x_t), expand(sigma * scale, x_t)
        return expand(scale, x_t) * x_t, *unit

    def scales(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha and sigma of the process in a shape that multiplies `x_t`."""
        return expand(self.process.alpha(t), x_t), expand(self.process.sigma(t), x_t)

    def target(self, x_0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """What the network should answer. Shapes: x_0, eps: (B, *D), t: (B,) -> (B, *D)"""
        _, alpha, sigma = self._unit(x_0, t)
        return self.prediction.target(x_0, eps, alpha, sigma)

    def x_0_slope(self, t: Tensor) -> Tensor:
        r"""$\partial\hat x_0 / \partial\,\mathrm{output}$. Shapes: t: (*) -> (*)"""
        alpha, sigma = self.process.alpha(t), self.process.sigma(t)
        scale = torch.rsqrt(alpha**2 + sigma**2)
        return self.prediction.x_0_slope(alpha * scale, sigma * scale)

    def estimates(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Data and noise from one call of the network.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> x_0_hat (B, *D), eps_hat (B, *D)
        """
        return self.estimates_from(self(x_t, t), x_t, t)

    def estimates_from(
        self, output: Tensor, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Data and noise that follow from an answer of the network.

        Shapes:
            output, x_t: (B, *D), t: (B,) or () -> x_0_hat (B, *D), eps_hat (B, *D)
        """
        x, alpha, sigma = self._unit(x_t, t)
        prediction = self.prediction
        x_0_hat = prediction.x_0(output, x, alpha, sigma)
        return x_0_hat, prediction.eps(output, x, alpha, sigma)

    def x_0(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the data. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        return self.estimates(x_t, t)[0]

    def eps(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the noise. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        return self.estimates(x_t, t)[1]

    def v(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the velocity, in unit coordinates.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D)
        """
        x_0_hat, eps_hat = self.estimates(x_t, t)
        _, alpha, sigma = self._unit(x_t, t)
        return alpha * eps_hat - sigma * x_0_hat

    def score(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the score.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D)

        Raises:
            ValueError: this flow has none.
        """
        if not self.has_score:
            raise ValueError(
                "this flow was trained with another start than normal noise, other pairs or"
                " noise on the way, and has no score"
            )
        return -self.eps(x_t, t) / expand(self.process.sigma(t), x_t)
