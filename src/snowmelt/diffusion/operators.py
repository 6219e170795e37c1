r"""Linear measurements $y = A x_0$: what an instrument sees of an example.

Guidance by a measurement needs $A$, its transpose, and the solution of
$(s\,A A^\top + r)\,z = y$. Where $A A^\top$ is a multiple of the identity, that is a
division; the blur is diagonal in the frequencies.

A flow from degraded images to whole ones begins at the picture $A^+ y$ of the measurement,
and the noise that makes several answers of one start falls on what $A$ does not see, so
that start, example and all states between them measure the same.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Positive, Side


class LinearOperator(ABC):
    """A linear map of events, the same for all samples unless `at` says otherwise."""

    gram: float = 1.0
    r"""$A A^\top$, where it is this multiple of the identity."""

    is_fixed: bool = True
    """Whether all samples are measured alike; else `at` differs from index to index."""

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse events that it cannot measure.

        Raises:
            ValueError: it does not fit events of this shape.
        """
        if len(shape) != 3:
            raise ValueError(
                f"{type(self).__name__} measures images (C, H, W), the data has the shape"
                f" {shape}"
            )

    def at(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> LinearOperator:
        """The operator for these samples. Shapes: index: (B,)"""
        return self

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """$A x$. Shapes: x: (B, *D) -> (B, *M)"""

    @abstractmethod
    def transpose(self, y: Tensor) -> Tensor:
        r"""$A^\top y$. Shapes: y: (B, *M) -> (B, *D)"""

    def solve(self, y: Tensor, scale: Tensor, ridge: float) -> Tensor:
        r"""$(s\,A A^\top + r)^{-1} y$, for y among the measurements that $A$ can give.

        Shapes:
            y: (B, *M), scale: (B, 1, ...) or () -> (B, *M)
        """
        return y / (scale * self.gram + ridge)

    def confined(self, noise: Tensor) -> Tensor:
        """The part of a noise that falls on what is measured. Shapes: (B, *M) -> same"""
        return noise

    def shown(self, y: Tensor) -> Tensor:
        """A picture of the measurement, of the data's shape: the pseudo-inverse of y."""
        return self.transpose(self.solve(y, torch.ones_like(y[:1]), 0.0))

    def unseen(self, x: Tensor) -> Tensor:
        r"""The part of an event that is not measured, $x - A^+ A x$.

        Shapes:
            x: (B, *D) -> same
        """
        return x - self.shown(self(x))


class ImageOperator(LinearOperator):
    """A measurement of whole images, the same for all of them: what may degrade a start."""


class Downsample(ImageOperator):
    """The mean of each square of pixels.

    Args:
        factor: side of the squares; it divides the height and the width.

    Raises:
        ValueError: a factor less than 2.
    """

    def __init__(self, factor: Side = 2) -> None:
        check_at_least(2, factor=factor)
        self.factor = factor
        self.gram = 1.0 / factor**2

    def check(self, shape: tuple[int, ...]) -> None:
        super().check(shape)
        if shape[1] % self.factor or shape[2] % self.factor:
            raise ValueError(
                f"factor={self.factor} does not divide images of {shape[1]}x{shape[2]}"
            )

    def __call__(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, self.factor)

    def transpose(self, y: Tensor) -> Tensor:
        wide = y.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)
        return wide * self.gram


class Gray(ImageOperator):
    """The mean of the channels."""

    channels: int

    def check(self, shape: tuple[int, ...]) -> None:
        super().check(shape)
        if shape[0] < 2:
            raise ValueError(f"Gray needs colour, the images have {shape[0]} channel")

    def at(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> LinearOperator:
        placed = copy.copy(self)
        placed.channels = shape[0]
        placed.gram = 1.0 / shape[0]
        return placed

    def __call__(self, x: Tensor) -> Tensor:
        return x.mean(dim=1, keepdim=True)

    def transpose(self, y: Tensor) -> Tensor:
        return y.expand(-1, self.channels, *y.shape[2:]) / self.channels


class Blur(ImageOperator):
    r"""A Gaussian blur on the torus: what leaves a picture on one side enters on the other.

    Each frequency $f$ (cycles a pixel) is multiplied by
    $k(f) = \exp(-2\pi^2 w^2 |f|^2)$, so $A = A^\top$. Frequencies of which less than a
    thousandth is left are taken for lost where there is no noise to say how far to trust
    them.

    Args:
        width: standard deviation of the kernel, in pixels.

    Raises:
        ValueError: a width that is not positive.
    """

    def __init__(self, width: Positive = 1.0) -> None:
        if not width > 0.0:
            raise ValueError(f"width must be positive, got {width}")
        self.width = width

    def __call__(self, x: Tensor) -> Tensor:
        return self._filtered(x, self._spectrum(x))

    def transpose(self, y: Tensor) -> Tensor:
        return self(y)

    def solve(self, y: Tensor, scale: Tensor, ridge: float) -> Tensor:
        gram = self._spectrum(y) ** 2
        divisor = scale * gram + ridge
        lost = (gram < 1e-6) & (ridge == 0.0)
        return self._filtered(y, torch.where(lost, 0.0, 1.0 / divisor))

    def shown(self, y: Tensor) -> Tensor:
        return y

    def unseen(self, x: Tensor) -> Tensor:
        r"""What the blur has taken: each frequency times $\sqrt{1 - k^2}$.

        No frequency is lost as a whole. White noise so filtered and the blurred of white
        noise add up to white noise again.
        """
        return self._filtered(x, (1.0 - self._spectrum(x) ** 2).clamp(min=0.0).sqrt())

    def _spectrum(self, x: Tensor) -> Tensor:
        """Shapes: x: (B, C, H, W) -> (H, W // 2 + 1)"""
        like = {"dtype": x.dtype, "device": x.device}
        down = torch.fft.fftfreq(x.shape[-2], **like)
        across = torch.fft.rfftfreq(x.shape[-1], **like)
        squared = down[:, None] ** 2 + across**2
        return torch.exp(-2.0 * (torch.pi * self.width) ** 2 * squared)

    def _filtered(self, x: Tensor, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(x) * spectrum, s=x.shape[-2:])
