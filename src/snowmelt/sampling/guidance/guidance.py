"""What a guidance is: a way of drawing samples that knows more than the network does.

Whatever it is told follows from a sample's index (its class, the example that it completes,
the places that were seen), so that a guided sample depends on its batch no more than a free
one does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.sampler import Sampler, Watcher, WholePath, sample


@dataclass(frozen=True)
class Given:
    """What samples can be guided by, beside the network.

    Attributes:
        shape: of one event, `*D`.
        classes: the names of the classes that the network was told of in training; None if
            it was told none.
        examples: the real examples that belong to indices, in the model's range:
            (B,) -> (B, *D); None where there are none.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...] | None = None
    examples: Callable[[Tensor], Tensor] | None = None

    def real(self, index: Tensor) -> Tensor:
        """The real examples of these indices. Shapes: index: (B,) -> (B, *D)"""
        if self.examples is None:
            raise ValueError("no real examples were given")
        return self.examples(index)


class Guidance(ABC):
    """A way of drawing one sample for each index."""

    needs_labels: bool = False
    """Whether the network must know classes."""

    needs_examples: bool = False
    """Whether real examples are completed, so that truth and sample can be compared."""

    def check(self, given: Given, sampler: Sampler) -> None:
        """Refuse, before anything is drawn, what this guidance cannot serve.

        Raises:
            ValueError: it does not go with the data, the network or the sampler.
        """
        if self.needs_examples and given.examples is None:
            raise ValueError("this guidance completes real examples, and none were given")
        self.check_sampler(sampler)

    def check_sampler(self, sampler: Sampler) -> None:  # noqa: B027
        """Refuse a sampler that this guidance cannot go along with.

        Raises:
            ValueError: it is one.
        """

    def evaluations(self, sampler: Sampler, process: Process) -> int:
        """Calls of the network for one sample."""
        return sampler.evaluations

    def labels(self, index: Tensor, given: Given) -> Tensor | None:
        """The class of each sample, if it has one. Shapes: index: (B,) -> (B,) int64"""
        return None

    def seen(self, index: Tensor, given: Given, *, seed: int) -> Tensor | None:
        """What is known of each real example, as a picture of the data's own shape.

        Shapes:
            index: (B,) -> (B, *D), or None where nothing is known
        """
        return None

    @abstractmethod
    def draw(
        self,
        denoiser: Denoiser,
        sampler: Sampler,
        index: Tensor,
        given: Given,
        *,
        seed: int,
        watch: Watcher | None = None,
    ) -> Tensor:
        """One sample for each index; the arguments are those of `samplers.sampler.sample`.

        Shapes:
            index: (B,) -> (B, *D), in the model's range
        """


def refuse_whole_path(sampler: Sampler) -> None:
    """Refuse a sampler that goes its way for other indices than those it was asked for.

    Raises:
        ValueError: it is one.
    """
    if isinstance(sampler, WholePath):
        raise ValueError(
            f"{type(sampler).__name__} chooses its own steps, for several samples at once;"
            " real examples are completed step by step: take another sampler"
        )


class Unguided(Guidance):
    """Samples are drawn freely.

    A network that knows classes is told none, which the drop-out of labels in training has
    prepared it for: the samples are of all classes, as frequent as in the data.
    """

    def draw(
        self,
        denoiser: Denoiser,
        sampler: Sampler,
        index: Tensor,
        given: Given,
        *,
        seed: int,
        watch: Watcher | None = None,
    ) -> Tensor:
        return sample(denoiser, sampler, index, given.shape, seed=seed, watch=watch)
