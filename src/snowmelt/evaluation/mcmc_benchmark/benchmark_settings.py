"""The section `mcmc` of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snowmelt.common import argument_checks
from snowmelt.common.errors import UserError


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Args:
        points: of every cloud, and so chains of every method.
        seeds: repetitions, from which the spread is taken.
        budgets: evaluations a point at which the clouds are looked at, rising.
        warmup: evaluations a chain in which its step size is tuned; they count.
        most_calls: of a denoiser; above this number diffusion is not measured.
        floor_pairs: pairs of true clouds that the floor is the mean over. Of modes that
            are apart the distance scatters by half of itself from pair to pair.
        checkpoint: a denoiser that was trained on draws of the density; None: the exact
            score alone.
    """

    points: int = 1000
    seeds: int = 3
    budgets: Sequence[int] = (5, 10, 30, 100, 300, 1000)
    warmup: int = 300
    most_calls: int = 300
    floor_pairs: int = 64
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        least_of = {"points": 8, "seeds": 1, "warmup": 0, "most_calls": 1, "floor_pairs": 1}
        for key, least in least_of.items():
            argument_checks.integer(f"mcmc.{key}", getattr(self, key), least=least)
        budgets = list(self.budgets)
        for budget in budgets:
            argument_checks.integer("mcmc.budgets", budget, least=1)
        if not budgets or budgets != sorted(set(budgets)):
            raise UserError(f"mcmc.budgets must rise from one to the next, got {budgets}")

    @property
    def calls(self) -> list[int]:
        """The budgets that diffusion is measured at."""
        return [budget for budget in self.budgets if budget <= self.most_calls]
