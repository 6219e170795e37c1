"""What samples are made from, where they are made from images: a start, or a measurement.

A flow from images to images begins each sample at a held-out start, guidance by a
measurement is told what was measured of a held-out example. Either way sample k answers to
the image that index k has, and the indices that have the same one are a whole number of
rounds apart. Where chance has a say they differ, and are several answers to one image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.sampling.guidance.guidance import Conditioning, Guidance

SHOWN, ANSWERS = 16, 6  # images, and answers to each


@dataclass(frozen=True)
class GivenExamples:
    """The images that samples answer to.

    Attributes:
        count: how many there are.
        seen: what is given of them, in the model's range: (B,) -> (B, *D).
        real: what is to be found, where one truth is known.
        varies: whether there are several answers to one.
    """

    count: int
    seen: Callable[[Tensor], Tensor]
    real: Callable[[Tensor], Tensor] | None
    varies: bool

    @classmethod
    def of(
        cls,
        guidance: Guidance,
        conditioning: Conditioning,
        starts: StartPoints | None,
        seed: int,
        varies: bool,
    ) -> GivenExamples | None:
        """Those of a request; None where samples answer to nothing."""
        if starts is not None:
            real = conditioning.examples if starts.are_the_datas_own else None
            return cls(starts.sampled_count, starts.given, real, varies)
        count = conditioning.examples_count
        if guidance.measures_by is None or count is None:
            return None

        def seen(index: Tensor) -> Tensor:
            found = guidance.seen(index, conditioning, seed=seed)
            assert found is not None
            return found

        return cls(count, seen, conditioning.examples, varies)

    def answered(self, most: int) -> Tensor:
        """The indices of several answers to the first images, of so many samples at most.

        Shapes:
            -> (M, K), a row an image
        """
        images = torch.arange(min(SHOWN, self.count, most))
        rounds = torch.arange(ANSWERS if self.varies else 1)
        return images[:, None] + self.count * rounds
