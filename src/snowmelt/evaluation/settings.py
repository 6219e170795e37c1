"""What is measured and how carefully: the keys, their defaults, bounds and meaning."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from snowmelt.common.places import Place
from snowmelt.common.section import Part, Section, Seed

LEAST = 2  # samples that have a distance to anything


class PointSettings(Section):
    """The section `evaluation.points`: what points alone are measured by."""

    key: ClassVar[str] = "evaluation.points"
    set_size: int = Field(
        1000,
        ge=2,
        le=100_000,
        description="Points of each set that distances compare, at most; a quarter of the"
        " fewest there are if that is less. The exact Wasserstein distance takes time with"
        " its third power.",
    )
    sets: int = Field(
        8,
        ge=1,
        le=10_000,
        description="Disjoint pairs of sets that a distance is averaged over, at most.",
    )
    directions: int = Field(
        200, ge=1, le=100_000, description="Lines of the sliced Wasserstein distance."
    )
    folds: int = Field(
        5,
        ge=2,
        le=1000,
        description="Folds of the cross-validation of the classifier that tells samples"
        " from real points.",
    )


class TruthSettings(Section):
    """The section `evaluation.truth`: what the network got wrong, of a known density."""

    key: ClassVar[str] = "evaluation.truth"
    points: int = Field(
        5000,
        ge=2,
        le=10_000_000,
        description="Held-out points for the mean over all times, at most. Each is compared"
        " with the whole training split, which takes most of the time.",
    )
    level_points: int = Field(
        600,
        ge=2,
        le=10_000_000,
        description="Points of those for each noise level of the curve, at most.",
    )
    levels: int = Field(16, ge=2, le=1000, description="Noise levels of the curve.")
    draws: int = Field(
        50_000, ge=2, le=100_000_000, description="Draws of the density for its entropy."
    )
    seed: Seed = Field(0, description="Of the noise and of the draws.")


class TransportSettings(Section):
    """The section `evaluation.transport`: flows that begin with other data than noise."""

    key: ClassVar[str] = "evaluation.transport"
    set_size: int = Field(
        1000,
        ge=2,
        le=100_000,
        description="Points of each set whose exact plan is found, at most; it takes time"
        " with more than the square. Papers take one set of 10,000.",
    )
    sets: int = Field(
        4,
        ge=1,
        le=10_000,
        description="Sets that a number is averaged over and its error taken from, at"
        " most.",
    )
    times: int = Field(
        9, ge=2, le=1000, description="Times on the way, from the start to the data."
    )
    paths: int = Field(
        64,
        ge=2,
        le=1_000_000,
        description="Paths of images that are walked again, at most.",
    )


class ManifoldSettings(Section):
    """The section `evaluation.manifold`: what is measured by neighbours in a set."""

    key: ClassVar[str] = "evaluation.manifold"
    precision_neighbours: int = Field(
        3,
        ge=1,
        le=1000,
        description="The neighbour that the balls of precision and recall reach to; 3 in"
        " the paper.",
    )
    density_neighbours: int = Field(
        5,
        ge=1,
        le=1000,
        description="The same of density and coverage; 5 in the paper.",
    )
    examples: int = Field(
        10_000,
        ge=2,
        le=1_000_000,
        description="Examples of each set, at most. The time grows with their square: of"
        " 10,000 with 2,048 features some minutes of two cores.",
    )


class EvaluationSettings(Section):
    """The section `evaluation`: samples against real data."""

    key: ClassVar[str] = "evaluation"
    count: int | None = Field(
        None,
        ge=2,
        le=100_000_000,
        description="Examples that biased distances are taken at; null for as many as the"
        " floor allows. Above that there is no floor; with all samples the number compares"
        " with those of others.",
    )
    subsets: int = Field(
        200,
        ge=1,
        le=10_000,
        description="Random sets that the Frechet distance is averaged over and its error"
        " taken from; of features wider than a hundred fewer, down to 20.",
    )
    kernel_subsets: int = Field(
        200,
        ge=1,
        le=10_000,
        description="Pairs of random subsets that the kernel distance is averaged over.",
    )
    kernel_subset_size: int = Field(
        1000,
        ge=2,
        le=100_000,
        description="Examples of these, at most; half of the smallest set if that is less."
        " The estimate is unbiased, so the size changes no expectation.",
    )
    score_parts: int = Field(
        10,
        ge=1,
        le=1000,
        description="Parts of a set that the Inception score and its like are averaged"
        " over.",
    )
    seed: Seed = Field(0, description="Of the choice of subsets.")
    manifold: ManifoldSettings = ManifoldSettings()
    points: PointSettings = PointSettings()
    truth: TruthSettings = TruthSettings()
    transport: TransportSettings = TransportSettings()


class LikelihoodSettings(Section):
    """The section `likelihood`: held-out data under the model."""

    key: ClassVar[str] = "likelihood"
    examples: int = Field(
        256,
        ge=2,
        le=10_000_000,
        description="Examples of the held-out split, from the first; at most.",
    )
    ode_examples: int | None = Field(
        None,
        ge=2,
        le=10_000_000,
        description="The first of these that the ODE is solved for, which takes longer than"
        " the bound; null: all of them.",
    )
    batch_size: int = Field(
        32,
        ge=1,
        le=1_000_000,
        description="Examples at once. It does not change the numbers but for rounding;"
        " several processes take turns by batches.",
    )
    seed: Seed = Field(0, description="Of the noise and the probes.")
    bound: Part | None = Field(
        None, description="The variational bound of the chain; null for none."
    )
    ode: Part | None = Field(
        None, description="The likelihood of the probability-flow ODE; null for none."
    )


_Budget = Annotated[int, Field(ge=1, le=10_000_000)]
Budgets = Annotated[tuple[_Budget, ...], Field(strict=False, max_length=100)]


class MCMCSettings(Section):
    """The section `mcmc`: Markov chains against diffusion on a known density."""

    key: ClassVar[str] = "mcmc"
    points: int = Field(
        1000,
        ge=8,
        le=1_000_000,
        description="Points of every cloud, so chains of every method.",
    )
    seeds: int = Field(
        3, ge=1, le=1000, description="Repetitions, from `seed` on, which give the spread."
    )
    budgets: Budgets = Field(
        (5, 10, 30, 100, 300, 1000),
        description="Evaluations a point at which the clouds are compared; rising.",
    )
    warmup: int = Field(
        300,
        ge=0,
        le=10_000_000,
        description="Evaluations a chain in which its step size is tuned; they count.",
    )
    most_calls: int = Field(
        300,
        ge=1,
        le=10_000_000,
        description="Calls of a denoiser above which diffusion is not measured.",
    )
    floor_pairs: int = Field(
        64,
        ge=1,
        le=10_000,
        description="Pairs of true clouds that the floor is the mean over. The distance of"
        " modes that are apart varies by half of itself from pair to pair.",
    )
    checkpoint: Place | None = Field(
        None,
        description="Denoiser trained on draws of the density, to put beside the exact"
        " score.",
    )

    @field_validator("budgets")
    @classmethod
    def _rise(cls, budgets: tuple[int, ...]) -> tuple[int, ...]:
        if not budgets or list(budgets) != sorted(set(budgets)):
            raise ValueError("must rise from one to the next")
        return budgets

    @property
    def calls(self) -> list[int]:
        """The budgets that diffusion is measured at."""
        return [budget for budget in self.budgets if budget <= self.most_calls]
