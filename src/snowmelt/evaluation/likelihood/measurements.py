"""The measurements that the section `likelihood` of the configuration asks for."""

from __future__ import annotations

from dataclasses import dataclass

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.evaluation.likelihood.probability_flow import ProbabilityFlow
from snowmelt.evaluation.likelihood.variational_bound import Bound
from snowmelt.evaluation.settings import LikelihoodSettings


@dataclass(frozen=True)
class Measurements:
    """The bound and the flow; None for one that is not asked for."""

    bound: Bound | None
    ode: ProbabilityFlow | None

    @classmethod
    def of(cls, settings: LikelihoodSettings) -> Measurements:
        """Build both.

        Raises:
            UserError: a value is refused.
        """
        bound, ode = settings.bound, settings.ode
        return cls(
            bound=None if bound is None else build(bound, Bound),
            ode=None if ode is None else build(ode, ProbabilityFlow),
        )

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
