"""What is to be measured: the section `likelihood` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.variational_bound import Bound
from snowmelt.evaluation.settings import LikelihoodSettings


@dataclass(frozen=True)
class Settings:
    """The section, with what it describes built.

    Args:
        examples: of the held-out split, from the first; at most.
        batch_size: how many at once.
        seed: of all random numbers, which are keyed by it and the example.
        bound, ode: what to measure; None for neither.
    """

    examples: int
    batch_size: int
    seed: int
    bound: Bound | None
    ode: ProbabilityFlow | None

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Settings:
        """Build the section.

        Raises:
            UserError: a value is refused.
        """
        declared = LikelihoodSettings.of(section)
        return cls(
            declared.examples,
            declared.batch_size,
            declared.seed,
            bound=None if declared.bound is None else build(declared.bound, Bound),
            ode=None if declared.ode is None else build(declared.ode, ProbabilityFlow),
        )

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to measure."""
        return self.bound is not None or self.ode is not None

    def check(self, denoiser: Denoiser) -> None:
        """Refuse a model that one of the two does not apply to.

        Raises:
            UserError: with the reason.
        """
        try:
            for measurement in (self.bound, self.ode):
                if measurement is not None:
                    measurement.check(denoiser)
        except ValueError as error:
            raise UserError(f"likelihood: {error}") from error
