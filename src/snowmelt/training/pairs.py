"""Pairs of data and start, and the paths between them: what a step trains on.

In diffusion each example is paired with normal noise of its own. Otherwise a coupling says
which start an example is paired with, an interpolant what noise there is on the way, and
the starts may be other data. What comes out are the effective ends of a path
(`snowmelt.diffusion.interpolants`), which take the places of data and noise in every loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.common.randomness import Stream, normal
from snowmelt.data.prepared.start_points import StartPoints
from snowmelt.diffusion.interpolants import Interpolant
from snowmelt.diffusion.processes import Process
from snowmelt.training.couplings import Coupling
from snowmelt.training.drawn_starts import DrawnStarts
from snowmelt.training.step_draws import StepDraws

PARTS = {
    "start": {"_target_": "snowmelt.starts.Normal"},
    "coupling": {"_target_": "snowmelt.couplings.Independent"},
    "interpolant": {"_target_": "snowmelt.interpolants.Straight"},
}
"""The sections that say it, and what they are in diffusion."""


class Ends(NamedTuple):
    """Paths between data and starts, at one moment each.

    Attributes:
        x_0, x_1: their effective ends.
        z: the noise on the way; None where there is none.

    Shapes:
        x_0, x_1, z: (B, *D)
    """

    x_0: Tensor
    x_1: Tensor
    z: Tensor | None


@dataclass(frozen=True)
class Pairs:
    """How the examples of a batch become paths.

    Attributes:
        starts: None for normal noise.
        batch_size: examples of a step over all processes.
        drawn: the starts of the examples, where another flow drew the pairs; samples begin
            at `starts` all the same.
    """

    coupling: Coupling
    interpolant: Interpolant
    starts: StartPoints | None = None
    batch_size: int = 1
    drawn: DrawnStarts | None = None

    @classmethod
    def of(
        cls,
        sections: Mapping[str, Any],
        starts: StartPoints | None = None,
        batch_size: int = 1,
    ) -> Pairs:
        """The pairs of a configuration; an earlier one that says nothing has diffusion's.

        Raises:
            UserError: a part refuses its arguments.
        """
        coupling = build(sections.get("coupling", PARTS["coupling"]), Coupling)
        interpolant = build(sections.get("interpolant", PARTS["interpolant"]), Interpolant)
        return cls(coupling, interpolant, starts, batch_size)

    def is_diffusion(self, has_start: bool | None = None) -> bool:
        """Whether each example is paired with normal noise of its own, and nothing else.

        Only then is the flow's answer a score.

        Args:
            has_start: whether there are other starts, which may not have been opened.
        """
        begins_elsewhere = self.starts is not None if has_start is None else has_start
        is_plain = self.coupling.is_independent and not self.coupling.is_paired
        return is_plain and self.interpolant.is_straight and not begins_elsewhere

    def partners(
        self, x_0: Tensor, draws: StepDraws, labels: Tensor | None = None
    ) -> Tensor:
        """The place of the start of each example of a whole batch.

        Args:
            draws: of all places.

        Shapes:
            x_0: (N, *D), labels: (N,) -> (N,) int64
        """
        x_1 = self._starts(draws, tuple(x_0.shape[1:]))
        drawn = draws.for_coupling()
        return draws.slot[self.coupling.partners(x_0, x_1, drawn, labels)]

    def ends(
        self,
        process: Process,
        x_0: Tensor,
        t: Tensor,
        draws: StepDraws,
        partner: Tensor | None = None,
    ) -> Ends:
        """The effective ends of the paths of some examples.

        Args:
            draws: of their places.
            partner: the places of their starts; None: their own.

        Shapes:
            x_0: (B, *D), t: (B,), partner: (B,)
        """
        shape = tuple(x_0.shape[1:])
        own = draws if partner is None else replace(draws, slot=partner)
        x_1 = self._starts(own, shape).to(x_0.dtype)
        if self.interpolant.is_straight:
            return Ends(x_0, x_1, None)
        z = draws.path_noise(shape).to(x_0.dtype)
        return Ends(*self.interpolant.ends(process, x_0, x_1, z, t), z)

    def held_out_ends(
        self,
        process: Process,
        x_0: Tensor,
        t: Tensor,
        index: Tensor,
        labels: Tensor | None = None,
    ) -> Ends:
        """The same for held-out examples, paired among themselves; always the same ones.

        Shapes:
            x_0: (B, *D), t: (B,), index: (B,), labels: (B,)
        """

        def noise(step: int) -> Tensor:
            shape, stream = tuple(x_0.shape[1:]), Stream.HELD_OUT_NOISE
            drawn = normal(shape, seed=0, stream=stream, index=index, step=step)
            return drawn.to(x_0.dtype)

        if self.drawn is not None:
            x_1 = self.drawn.held_out(index).to(x_0.dtype)
        else:
            x_1 = noise(0) if self.starts is None else self.starts(index).to(x_0.dtype)
        if not self.coupling.is_independent:
            drawn = StepDraws(0, 0, index).for_coupling()
            x_1 = x_1[self.coupling.partners(x_0, x_1, drawn, labels)]
        z = noise(1)
        return Ends(*self.interpolant.ends(process, x_0, x_1, z, t), z)

    def _starts(self, draws: StepDraws, shape: tuple[int, ...]) -> Tensor:
        """The starts of these places. Shapes: -> (B, *shape)"""
        place = {"batch_size": self.batch_size, "seed": draws.seed, "step": draws.step}
        if self.drawn is not None:
            return self.drawn.at_step(draws.slot, **place)
        if self.starts is None:
            return draws.noise(shape)
        is_paired = self.coupling.is_paired
        return self.starts.at_step(draws.slot, **place, is_paired=is_paired)


def has_start(sections: Mapping[str, Any]) -> bool:
    """Whether a configuration begins with something else than normal noise."""
    start = sections.get("start", PARTS["start"])
    return any(start.get(key) is not None for key in ("of", "by"))


def has_score(sections: Mapping[str, Any]) -> bool:
    """Whether what a configuration trains is diffusion, whose noise is a score.

    Raises:
        UserError: a part refuses its arguments.
    """
    return Pairs.of(sections).is_diffusion(has_start(sections))


def estimates_data(sections: Mapping[str, Any], with_score: bool) -> bool:
    """Whether samplers know an estimate of the data without the noise on the way.

    Args:
        with_score: whether the network tells the noise apart.

    Raises:
        UserError: a part refuses its arguments.
    """
    return with_score or Pairs.of(sections).interpolant.is_straight
