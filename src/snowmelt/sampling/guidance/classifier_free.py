r"""Classifier-free guidance: the conditional score, extrapolated away from the other.

With the conditional and the unconditional score of one network, which was trained with the
null class in place of some labels, samples follow

$$\nabla\log q(x) + w\,\bigl(\nabla\log q(x \mid c) - \nabla\log q(x)\bigr),$$

the score of $q(x)^{1-w}\,q(x \mid c)^w \propto q(x)\,p(c \mid x)^w$. The scale $w = 1$ is
the class's own density, $w = 0$ the density of all; $w > 1$ gives clearer members of the
class and fewer kinds of them. Ho & Salimans count from the class: their $w$ is ours less 1.
It is the score of that density at one time only, since perturbing the density gives another
one; so samples at $w > 1$ are only approximately distributed by it.

All estimates are affine in the network's output, with coefficients that do not depend on
the class, so outputs can be combined instead of scores, and samplers need no change.

References:
    Ho & Salimans (2022), arXiv:2207.12598, eq. 6;
    Kynkäänniemi et al. (2024), arXiv:2404.07724 (guidance in an interval).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snowmelt.common.bounds import Factor
from snowmelt.diffusion.denoiser import NULL_CLASS, Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.guidance.guidance import Conditioning, Draw, Guidance
from snowmelt.sampling.samplers.sampler import Sampler

Interval = Sequence[float]


class ClassifierFree(Denoiser):
    r"""A denoiser whose output is the guided one.

    It calls the network twice where guidance acts, once elsewhere. A learned variance is
    that of the conditional output, since a combination of variances has no meaning.

    Args:
        denoiser: of a conditional network.
        labels: the class of each example of the batches to come.
        scale: $w$ above.
        interval: guidance acts while the log-SNR is in [low, high); outside it the
            conditional output is used. None: everywhere. Kynkäänniemi et al. give
            levels of noise beside a signal of scale 1, $(\sigma_{lo}, \sigma_{hi}]$: they
            are $[-2\log\sigma_{hi}, -2\log\sigma_{lo})$ here.

    Shapes:
        labels: (B,) int64
    """

    def __init__(
        self,
        denoiser: Denoiser,
        labels: Tensor,
        scale: float,
        interval: Interval | None = None,
    ) -> None:
        super().__init__(
            denoiser.net,
            denoiser.process,
            denoiser.prediction,
            denoiser.learned_variance,
            denoiser.self_conditioned,
        )
        self.with_flow_of(denoiser)
        self.inner = denoiser
        self.labels = labels
        self.scale = scale
        self.interval = interval

    def _answer(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor | None]:
        inner = self.inner.with_estimates(self.estimate_source)
        conditional, share = inner.with_labels(self.labels)._answer(x_t, t)
        acts = _acts(self.process.log_snr(t), self.interval)
        if self.scale == 1.0 or not bool(acts.any()):
            return conditional, share
        null = torch.full_like(self.labels, NULL_CLASS)  # type: ignore[arg-type]
        unconditional, _ = inner.with_labels(null)._answer(x_t, t)
        guided = unconditional + self.scale * (conditional - unconditional)
        return torch.where(expand(acts, x_t) > 0, guided, conditional), share


def _acts(log_snr: Tensor, interval: Interval | None) -> Tensor:
    """Whether guidance acts at these levels. Shapes: log_snr: (*) -> (*) bool"""
    if interval is None:
        return torch.ones_like(log_snr, dtype=torch.bool)
    return (interval[0] <= log_snr) & (log_snr < interval[1])


class ClassifierFreeGuidance(Guidance):
    """Samples of chosen classes.

    Args:
        labels: the classes, by name or by number; sample i gets the one at i modulo their
            count. One name or number: that class alone. None: all classes in turn.
        scale: 1 draws from the class's density, more makes it clearer.
        interval: the log-SNRs [low, high) at which guidance acts; None: all.

    Raises:
        ValueError: a negative scale, or an interval that is none.
    """

    needs_labels = True

    def __init__(
        self,
        labels: int | str | Sequence[int | str] | None = None,
        scale: Factor = 2.0,
        interval: Interval | None = None,
    ) -> None:
        if not 0.0 <= scale < float("inf"):
            raise ValueError(f"scale must be a number from 0 upwards, got {scale}")
        if interval is not None and not _is_interval(interval):
            raise ValueError(
                f"interval must be two rising log-SNRs [low, high] or null, got {interval}"
            )
        self.chosen = [labels] if isinstance(labels, int | str) else labels
        if self.chosen is not None and not _are_labels(self.chosen):
            raise ValueError(
                "labels must be a class by name or number, a list of them, or null, got"
                f" {labels!r}"
            )
        self.scale = scale
        self.interval = interval

    @property
    def amplification(self) -> float:
        """The difference of two answers is multiplied, and with it their errors."""
        return max(self.scale, 1.0)

    def check(self, conditioning: Conditioning, sampler: Sampler) -> None:
        super().check(conditioning, sampler)
        self._numbers(conditioning)

    def evaluations(self, sampler: Sampler, process: Process) -> int:
        """Twice the sampler's calls; with an interval, for its share of the times."""
        if self.scale == 1.0:
            return sampler.evaluations
        times = sampler.times(process)
        share = float(_acts(process.log_snr(times), self.interval).double().mean())
        return round((1.0 + share) * sampler.evaluations)

    def labels(self, index: Tensor, conditioning: Conditioning) -> Tensor:
        numbers = torch.tensor(self._numbers(conditioning), device=index.device)
        return numbers[index % len(numbers)]

    def _numbers(self, conditioning: Conditioning) -> list[int]:
        """The numbers of the chosen classes."""
        if conditioning.classes is None:
            raise ValueError(
                "classifier-free guidance needs a conditional network: train with"
                " denoiser.conditional=true on data with labels"
            )
        if self.chosen is None:
            return list(range(len(conditioning.classes)))
        return [_number(label, conditioning.classes) for label in self.chosen]

    def draw(self, asked: Draw) -> Tensor:
        labels = self.labels(asked.index, asked.conditioning)
        return asked.sample(
            ClassifierFree(asked.denoiser, labels, self.scale, self.interval)
        )


def _is_interval(value: object) -> bool:
    """Whether a value, of any type, is two rising numbers."""
    if not isinstance(value, Sequence) or len(value) != 2:
        return False
    are_numbers = all(isinstance(v, int | float) for v in value)
    return are_numbers and bool(value[0] < value[1])


def _are_labels(value: object) -> bool:
    """Whether a value, of any type, is a list of names and numbers, and not empty."""
    if not isinstance(value, Sequence) or not value:
        return False
    return all(isinstance(v, int | str) for v in value)


def _number(label: int | str, classes: tuple[str, ...]) -> int:
    """The number of a class; a name goes before a number that looks like it."""
    if str(label) in classes:
        return classes.index(str(label))
    is_number = isinstance(label, int) and not isinstance(label, bool)
    if is_number and 0 <= int(label) < len(classes):
        return int(label)
    raise ValueError(
        f"labels: there is no class {label!r}; the network knows {_listed(classes)}"
    )


def _listed(names: tuple[str, ...], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
