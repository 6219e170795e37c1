"""The measurements that the section `likelihood` of the configuration asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

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

    def applicable(self, denoiser: Denoiser) -> Measurements:
        """What of the two applies to a model: beside the bound, the flow is left out.

        Raises:
            UserError: nothing is left, or not the bound that was asked for.
        """
        if not denoiser.has_score and (self.bound is not None or self.ode is not None):
            raise UserError(
                "likelihood: this flow does not end in normal noise of its own for each"
                " example, so neither the bound nor the flow tells it: use likelihood=none"
            )
        try:
            if self.bound is not None:
                self.bound.check(denoiser)
            if self.ode is not None and self.left_out(denoiser) is None:
                self.ode.check(denoiser)
                return self
        except ValueError as error:
            raise UserError(f"likelihood: {error}") from error
        return replace(self, ode=None)

    def left_out(self, denoiser: Denoiser) -> str | None:
        """Why the flow is left out; None if it is not."""
        if self.bound is None or self.ode is None:
            return None
        try:
            self.ode.check(denoiser)
        except ValueError as error:
            return str(error)
        return None
