"""Walking the paths of samples again: what they cost, and where they are at some times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from snowmelt.evaluation.transport.flow_paths import FlowPaths, PathMeter
from snowmelt.sampling.generator import Generator


@dataclass(frozen=True, eq=False)
class Moment:
    """The states of all paths at one time.

    Attributes:
        t: the time of the process, () float64.
        share: of the way to the start.
        states: straightened, (N, D) float64 in the model's units.
    """

    t: Tensor
    share: float
    states: Tensor


@dataclass(frozen=True, eq=False)
class Walk:
    """The paths of the first samples.

    Attributes:
        paths: their ends and energies; of a sampler that adds noise the energies say
            nothing.
        moments: from the start to the data.
    """

    paths: FlowPaths
    moments: list[Moment]


class _Batch:
    """A `Watcher` that measures paths, and keeps the states nearest to some shares."""

    def __init__(self, meter: PathMeter, shares: Sequence[float]) -> None:
        self.meter, self.shares = meter, shares
        self.nearest: list[Moment | None] = [None] * len(shares)
        self._heard: tuple[float, Tensor] | None = None
        meter.listen = self._listen

    def __call__(self, step: int, t: Tensor, x: Tensor) -> None:
        self.meter(step, t, x)
        assert self._heard is not None
        share, states = self._heard
        time = t.detach().to("cpu", torch.float64)
        for place, wanted in enumerate(self.shares):
            found = self.nearest[place]
            # Of two states at one time the later one counts.
            if found is None or abs(share - wanted) <= abs(found.share - wanted):
                self.nearest[place] = Moment(time, share, states)

    def _listen(self, share: float, states: Tensor) -> None:
        self._heard = share, states


def walked(
    generator: Generator, count: int, *, batch_size: int, shares: Sequence[float] = ()
) -> Walk:
    """Walk the paths of the first samples again.

    Args:
        shares: of the way to the start, falling, at which states are kept: those of the
            sampler's own times that are nearest, each once.
    """
    generator = generator.uncompiled()
    batches = []
    with tqdm(total=count, desc="paths", unit="path", leave=False) as bar:
        for index in torch.arange(count, device=generator.device).split(batch_size):
            batch = _Batch(PathMeter(generator.denoiser.process), shares)
            generator.draw(index, watch=batch)
            batches.append(batch)
            bar.update(len(index))
    moments: list[Moment] = []
    for parts in zip(*(batch.nearest for batch in batches), strict=True):
        found = [part for part in parts if part is not None]
        first = found[0]
        # A sampler that chooses its own steps may have other times in each batch.
        if any(part.share != first.share for part in found):
            continue
        if not moments or first.share < moments[-1].share:
            states = torch.cat([part.states for part in found])
            moments.append(Moment(first.t, first.share, states))
    return Walk(FlowPaths.joined([batch.meter.paths() for batch in batches]), moments)
