"""The interface of guidance, which conditions samples on more than the network does.

What a sample is conditioned on follows from its index (its class, the example that it
completes, the observed pixels), so that a guided sample does not depend on its batch
either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.operators import LinearOperator
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.constraint import Constraint
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sampler import Sampler, Watcher, WholePath


@dataclass(frozen=True)
class Conditioning:
    """What samples can be conditioned on.

    Attributes:
        shape: of one event, `*D`.
        classes: the names of the classes that the network was trained on; None for an
            unconditional network.
        examples: the real examples that belong to indices, in the model's range:
            (B,) -> (B, *D); None where there are none.
        examples_count: how many there are: index k and index k plus this one have the same.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...] | None = None
    examples: Callable[[Tensor], Tensor] | None = None
    examples_count: int | None = None

    def real(self, index: Tensor) -> Tensor:
        """The real examples of these indices. Shapes: index: (B,) -> (B, *D)"""
        if self.examples is None:
            raise ValueError("no real examples were given")
        return self.examples(index)


@dataclass(frozen=True, eq=False)
class Draw:
    """A few samples that are asked for: which, of what network, and by what sampler.

    Attributes:
        denoiser: the network without any guidance.
        sampler: how a sample gets from noise to data.
        index: (B,) which samples, on the device of the denoiser.
        conditioning: what the guidance may draw on.
        seed: of all noise.
        watch: is told every state on the way.
    """

    denoiser: Denoiser
    sampler: Sampler
    index: Tensor
    conditioning: Conditioning
    seed: int
    watch: Watcher | None = None

    def sample(
        self, denoiser: Denoiser | None = None, constraint: Constraint | None = None
    ) -> Tensor:
        """Draw them by the sampler's loop.

        Args:
            denoiser: one that is guided; None for the network alone.
            constraint: what the trajectories are held to.

        Shapes:
            -> (B, *D)
        """
        return sample(
            self.denoiser if denoiser is None else denoiser,
            self.sampler,
            self.index,
            self.conditioning.shape,
            seed=self.seed,
            watch=self.watch,
            constraint=constraint,
        )


class Guidance(ABC):
    """Draws one sample for each index, under some condition."""

    needs_labels: bool = False
    """Whether the network must be conditional."""

    needs_examples: bool = False
    """Whether real examples are completed, so that truth and sample can be compared."""

    @property
    def measures_by(self) -> LinearOperator | None:
        """What it is told of each real example by; None where that is no measurement."""
        return None

    @property
    def amplification(self) -> float:
        """How many times larger an error of the network becomes, 1 if it stays."""
        return 1.0

    def check(self, conditioning: Conditioning, sampler: Sampler) -> None:
        """Refuse, before anything is drawn, what this guidance cannot be used with.

        Raises:
            ValueError: it does not fit the data, the network or the sampler.
        """
        if self.needs_examples and conditioning.examples is None:
            raise ValueError("this guidance completes real examples, and none were given")
        self.check_sampler(sampler)

    def check_sampler(self, sampler: Sampler) -> None:  # noqa: B027
        """Refuse a sampler that this guidance cannot be used with.

        Raises:
            ValueError: the sampler is refused.
        """

    def evaluations(self, sampler: Sampler, process: Process) -> int:
        """Calls of the network for one sample."""
        return sampler.evaluations

    def labels(self, index: Tensor, conditioning: Conditioning) -> Tensor | None:
        """The class of each sample, if it has one. Shapes: index: (B,) -> (B,) int64"""
        return None

    def seen(
        self, index: Tensor, conditioning: Conditioning, *, seed: int
    ) -> Tensor | None:
        """What is observed of each real example, in the shape of the data.

        Shapes:
            index: (B,) -> (B, *D), or None where nothing is known
        """
        return None

    @abstractmethod
    def draw(self, asked: Draw) -> Tensor:
        """One sample for each index that is asked for, in the model's range.

        Shapes:
            -> (B, *D)
        """


def refuse_whole_path(sampler: Sampler) -> None:
    """Refuse a sampler that integrates whole paths instead of single steps.

    Raises:
        ValueError: the sampler is one.
    """
    if isinstance(sampler, WholePath):
        raise ValueError(
            f"{type(sampler).__name__} chooses its own steps, for several samples at once;"
            " real examples are completed step by step: take another sampler"
        )


class Unguided(Guidance):
    """Samples without guidance.

    A conditional network gets the null class, on which it was trained with the probability
    `denoiser.p_uncond`: the samples are of all classes, as frequent as in the data.
    """

    def draw(self, asked: Draw) -> Tensor:
        return asked.sample()
