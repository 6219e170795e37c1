"""Masks: which values of an example are known, and which are to be filled in.

`Keep` is the linear measurement of those that are known.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_between_0_and_1
from snowmelt.common.bounds import Fraction
from snowmelt.common.randomness import Stream, uniform
from snowmelt.diffusion.operators import LinearOperator


class Mask(ABC):
    """A choice of the hidden values.

    Args:
        share: how much of an example is hidden, about.

    Raises:
        ValueError: a share that is not between 0 and 1.
    """

    def __init__(self, share: Fraction = 0.5) -> None:
        check_between_0_and_1(share=share)
        self.share = share

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse events of which it would hide nothing or all.

        Raises:
            ValueError: it does not fit events of this shape.
        """
        known = self.known(torch.zeros(1, dtype=torch.int64), shape, seed=0)
        if bool(known.all()) or not bool(known.any()):
            hidden = "nothing" if bool(known.all()) else "everything"
            raise ValueError(f"share={self.share} of the shape {shape} hides {hidden}")

    @abstractmethod
    def known(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> Tensor:
        """True where a value is known.

        Shapes:
            index: (B,) -> (B, *shape) bool
        """


class Box(Mask):
    """A rectangle in the middle of an image is hidden, of the image's own proportions."""

    def known(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> Tensor:
        if len(shape) != 3:
            raise ValueError(
                f"a box is hidden in images, the data has the shape {shape}: take"
                " snowmelt.sampling.guidance.masks.Side or Scattered"
            )
        known = torch.ones(len(index), *shape, dtype=torch.bool, device=index.device)
        height, width = (round(self.share**0.5 * side) for side in shape[1:])
        top, left = (shape[1] - height) // 2, (shape[2] - width) // 2
        known[..., top : top + height, left : left + width] = False
        return known


class Side(Mask):
    """The far end of the last axis is hidden: the right of an image, a point's last
    coordinates."""

    def known(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> Tensor:
        known = torch.ones(len(index), *shape, dtype=torch.bool, device=index.device)
        known[..., shape[-1] - round(self.share * shape[-1]) :] = False
        return known


class Scattered(Mask):
    """Each pixel of an image, or coordinate of a point, is hidden by a throw of its own.

    The throws are keyed by the sample's index. A pixel is hidden in all its channels.
    """

    def check(self, shape: tuple[int, ...]) -> None:
        """Chance may hide nothing or all of a small event; that is no mistake."""

    def known(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> Tensor:
        places = (1, *shape[1:]) if len(shape) == 3 else shape
        thrown = uniform(places, seed=seed, stream=Stream.MEASUREMENT, index=index)
        return (thrown >= self.share).expand(len(index), *shape)


class Keep(LinearOperator):
    """The known values as they are, and zero in place of the others.

    Args:
        mask: which values are known.
    """

    known: Tensor

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.is_fixed = not isinstance(mask, Scattered)

    def check(self, shape: tuple[int, ...]) -> None:
        self.mask.check(shape)

    def at(self, index: Tensor, shape: tuple[int, ...], *, seed: int) -> LinearOperator:
        placed = copy.copy(self)
        placed.known = self.mask.known(index, shape, seed=seed)
        return placed

    def __call__(self, x: Tensor) -> Tensor:
        return torch.where(self.known, x, 0.0)

    def transpose(self, y: Tensor) -> Tensor:
        return torch.where(self.known, y, 0.0)

    def confined(self, noise: Tensor) -> Tensor:
        return torch.where(self.known, noise, 0.0)
